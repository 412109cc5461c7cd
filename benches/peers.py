#!/usr/bin/env python3
"""One peer's four-column aggregate over a log, in one thread; prints records and groups. benches/measure.py runs it in its environment.

    benches/peers.py duckdb|chdb|polars trail FOLDER     (identity, source, action, error) -> count, first, last
    benches/peers.py duckdb|chdb|polars audit FILE       (user, verb, resource, code) -> count, first, last

The identity of a session is its role. Each query names the wanted fields alone.
"""

import glob
import gzip
import json
import os
import sys


def duckdb_trail(path):
    import duckdb
    # Best of six: each file as one raw JSON value, and json_transform of the wanted fields alone. read_json with the same fields declared
    # (unstructured or newline_delimited), or with Records as JSON[] and json_extract_string, took about seventeen times as long.
    # maximum_object_size must hold a whole file; above 64 MB DuckDB becomes far slower.
    wanted = json.dumps({"Records": [{
        "userIdentity": {"arn": "VARCHAR", "sessionContext": {"sessionIssuer": {"arn": "VARCHAR"}}},
        "eventSource": "VARCHAR", "eventName": "VARCHAR", "errorCode": "VARCHAR", "eventTime": "VARCHAR"}]})
    query = f"""
        SELECT sum(n)::BIGINT, count(*) FROM (
            SELECT coalesce(r.userIdentity.sessionContext.sessionIssuer.arn, r.userIdentity.arn) AS identity, r.eventSource, r.eventName,
                   r.errorCode, count(*) AS n, min(r.eventTime), max(r.eventTime)
            FROM (SELECT unnest(json_transform(json, '{wanted}').Records) AS r
                  FROM read_json_objects('{path}/*.json.gz', format = 'newline_delimited', maximum_object_size = {64 << 20}))
            GROUP BY ALL)"""
    with duckdb.connect(config={"threads": 1}) as connection:
        return connection.execute(query).fetchone()


def duckdb_audit(path):
    import duckdb
    query = f"""
        SELECT sum(n)::BIGINT, count(*) FROM (
            SELECT user.username AS who, verb, objectRef.resource AS resource, responseStatus.code AS code, count(*) AS n,
                   min(requestReceivedTimestamp), max(requestReceivedTimestamp)
            FROM read_json('{path}', format = 'newline_delimited', columns = {{
                user: 'STRUCT(username VARCHAR)', verb: 'VARCHAR', objectRef: 'STRUCT(resource VARCHAR)',
                responseStatus: 'STRUCT(code BIGINT)', requestReceivedTimestamp: 'VARCHAR'}})
            GROUP BY ALL)"""
    with duckdb.connect(config={"threads": 1}) as connection:
        return connection.execute(query).fetchone()


def chdb(query):
    import chdb as engine
    return [int(text) for text in str(engine.query(query, "TSV")).split()]


def chdb_trail(path):
    # The array is read as typed tuples that name the wanted fields alone; the others are skipped.
    wanted = ("Array(Tuple(userIdentity Tuple(arn Nullable(String), sessionContext Tuple(sessionIssuer Tuple(arn Nullable(String)))), "
              "eventSource String, eventName String, errorCode Nullable(String), eventTime String))")
    return chdb(f"""
        SELECT sum(n), count() FROM (
            SELECT coalesce(r.userIdentity.sessionContext.sessionIssuer.arn, r.userIdentity.arn) AS identity, r.eventSource AS source,
                   r.eventName AS action, r.errorCode AS error, count() AS n, min(r.eventTime), max(r.eventTime)
            FROM (SELECT arrayJoin(Records) AS r FROM file('{path}/*.json.gz', 'JSONEachRow', 'Records {wanted}'))
            GROUP BY identity, source, action, error)
        SETTINGS max_threads = 1, max_parsing_threads = 1, input_format_parallel_parsing = 0,
                 input_format_json_ignore_unknown_keys_in_named_tuple = 1, input_format_skip_unknown_fields = 1,
                 input_format_json_defaults_for_missing_elements_in_named_tuple = 1""")


def chdb_audit(path):
    return chdb(f"""
        SELECT sum(n), count() FROM (
            SELECT user.username AS who, verb, objectRef.resource AS resource, responseStatus.code AS code, count() AS n,
                   min(requestReceivedTimestamp), max(requestReceivedTimestamp)
            FROM file('{path}', 'JSONEachRow', 'user Tuple(username String), verb String, objectRef Tuple(resource String),
                      responseStatus Tuple(code Int64), requestReceivedTimestamp String')
            GROUP BY who, verb, resource, code)
        SETTINGS max_threads = 1, max_parsing_threads = 1, input_format_parallel_parsing = 0,
                 input_format_json_ignore_unknown_keys_in_named_tuple = 1, input_format_skip_unknown_fields = 1,
                 input_format_json_defaults_for_missing_elements_in_named_tuple = 1""")


def polars_trail(path):
    # polars has no lazy reader of JSON that is not lines: each file is parsed as one JSON string with the wanted fields declared,
    # then grouped; the groups of all files are united at the end.
    import polars as pl
    issuer = pl.Struct({"sessionIssuer": pl.Struct({"arn": pl.String})})
    record = pl.Struct({
        "userIdentity": pl.Struct({"arn": pl.String, "sessionContext": issuer}), "eventSource": pl.String, "eventName": pl.String,
        "errorCode": pl.String, "eventTime": pl.String})
    who = pl.col("userIdentity").struct
    identity = pl.coalesce(who.field("sessionContext").struct.field("sessionIssuer").struct.field("arn"), who.field("arn"))
    key = ["identity", "eventSource", "eventName", "errorCode"]
    parts = []
    for name in sorted(glob.glob(os.path.join(path, "*.json.gz"))):
        with gzip.open(name, "rt", encoding="utf-8") as file:
            text = pl.Series([file.read()])
        rows = text.str.json_decode(pl.Struct({"Records": pl.List(record)})).struct.field("Records").explode().struct.unnest()
        time = pl.col("eventTime")
        parts.append(rows.with_columns(identity=identity).group_by(key).agg(n=pl.len(), first=time.min(), last=time.max()))
    groups = pl.concat(parts).group_by(key).agg(pl.col("n").sum(), pl.col("first").min(), pl.col("last").max())
    return groups["n"].sum(), groups.height


def polars_audit(path):
    import polars as pl
    wanted = {
        "user": pl.Struct({"username": pl.String}), "verb": pl.String, "objectRef": pl.Struct({"resource": pl.String}),
        "responseStatus": pl.Struct({"code": pl.Int64}), "requestReceivedTimestamp": pl.String}
    time = pl.col("requestReceivedTimestamp")
    groups = (pl.scan_ndjson(path, schema=wanted, ignore_errors=False)
              .select(who=pl.col("user").struct.field("username"), verb="verb", resource=pl.col("objectRef").struct.field("resource"),
                      code=pl.col("responseStatus").struct.field("code"), requestReceivedTimestamp="requestReceivedTimestamp")
              .group_by("who", "verb", "resource", "code").agg(n=pl.len(), first=time.min(), last=time.max()).collect(engine="streaming"))
    return groups["n"].sum(), groups.height


def main():
    tool, kind, path = sys.argv[1:4]
    os.environ["POLARS_MAX_THREADS"] = "1"
    records, groups = globals()[f"{tool}_{kind}"](path)
    print(f"{records} records, {groups} groups")


if __name__ == "__main__":
    main()
