//! Each request counts once, in any order, over any number of threads.

use super::*;

/// Every order of a few lines.
fn orders(lines: &[String]) -> Vec<Vec<String>> {
    if lines.len() < 2 {
        return vec![lines.to_vec()];
    }
    let mut all = Vec::new();
    for place in 0..lines.len() {
        let mut rest = lines.to_vec();
        let first = rest.remove(place);
        all.extend(orders(&rest).into_iter().map(|mut order| {
            order.insert(0, first.clone());
            order
        }));
    }
    all
}

#[test]
fn each_request_counts_once_in_any_order() {
    let received = get("a").replace("ResponseComplete", "RequestReceived").replace(r#""responseStatus":{"code":200},"#, "");
    let lines = vec![
        received,
        event("a", "get", "ResponseStarted", 200),
        get("a"),
        get("a").replace(r#""level":"Metadata","#, "").replacen('{', r#"{"level": "Metadata","#, 1),
        event("a", "get", "Panic", 500),
    ];
    for order in orders(&lines) {
        let (mut seen, reading) = read_bytes(order.join("\n").as_bytes(), &options());
        seen.observed.sort();
        let expected = ["Allowed", "Failed"]
            .map(|outcome| format!("cluster/serviceaccount/shop/web get pods web-0 in shop {outcome} Stated"));
        assert_eq!(seen.observed, expected, "{order:?}");
        assert_eq!((seen.count("skipped Stage"), seen.count("skipped Duplicate")), (2, 1), "{order:?}");
        assert_eq!((reading.duplicate_id_count, reading.response_missing.len()), (0, 0));
    }
}

#[test]
fn an_id_proves_nothing_without_the_content() {
    let other = get("a").replace("shop:web", "shop:thief");
    for log in [format!("{}\n{other}\n", get("a")), format!("{other}\n{}\n{other}\n", get("a"))] {
        let (seen, reading) = read_bytes(log.as_bytes(), &options());
        assert_eq!(seen.observed.len(), 2);
        assert_eq!(reading.duplicate_id_count, 1);
        assert_eq!(reading.duplicate_ids.iter().collect::<Vec<_>>(), ["a"]);
    }
    let (seen, reading) = read_bytes(format!("{}\n{}\n", get(""), get("")).as_bytes(), &options());
    assert_eq!((seen.count("observed"), reading.duplicate_id_count), (2, 0), "an empty id collapses nothing");
}

#[test]
fn an_answer_that_never_came_is_counted_by_cluster() {
    let lost = get("lost").replace("ResponseComplete", "RequestReceived");
    let cluster = [("prod".to_owned(), Pattern::new("clusters", "*log").expect("glob"))];
    let (seen, reading) = read_bytes(format!("{lost}\n{}\n", get("a")).as_bytes(), &Options { clusters: &cluster, ..options() });
    assert_eq!((seen.count("observed"), seen.count("skipped Stage")), (1, 1));
    assert_eq!(reading.response_missing, BTreeMap::from([("prod".to_owned(), 1)]));
    assert_eq!(seen.clusters, BTreeMap::from([("prod".to_owned(), true)]));
}

#[test]
fn the_window_holds_its_first_moment_and_not_its_last() {
    let time = "2026-11-20T10:00:00Z".parse().expect("time");
    let after = "2026-11-20T10:00:01Z".parse().expect("time");
    let table = [
        (Some(time), None, 1),
        (Some(after), None, 0),
        (None, Some(time), 0),
        (None, Some(after), 1),
        (Some(time), Some(after), 1),
    ];
    for (since, until, observed) in table {
        let (seen, _) = read_bytes(get("a").as_bytes(), &Options { since, until, ..options() });
        assert_eq!((seen.count("observed"), seen.count("skipped OutsideWindow")), (observed, 1 - observed));
        assert_eq!(seen.sightings, observed);
    }
}

#[test]
fn any_number_of_jobs_makes_the_same_calls() {
    let folder = tempfile::tempdir().expect("folder");
    for file in 0..20 {
        let mut log = String::new();
        for line in 0..(file * 37) % 600 {
            let _ = writeln!(log, "{}", get(&format!("{}", (file * line) % 700)));
        }
        fs::write(folder.path().join(format!("{file:02}")), log).expect("write");
    }
    let inputs = found(&[folder.path()]);
    let (first, reading) = read_all(&inputs, &Options { jobs: 1, ..options() });
    assert!(first.records() > 3000 && first.count("skipped Duplicate") > 0);
    for jobs in [0, 2, 7, 64] {
        let (seen, second) = read_all(&inputs, &Options { jobs, ..options() });
        assert_eq!(seen.calls, first.calls, "{jobs}");
        reading.check_unchanged(&second).expect("the same bytes");
    }
    fs::write(folder.path().join("05"), get("x")).expect("write");
    let (_, second) = read_all(&inputs, &options());
    assert!(matches!(reading.check_unchanged(&second), Err(IngestError::Changed { name }) if name.ends_with("05")));
}

#[test]
fn an_update_counts_where_it_says_something_else() {
    let trail = |id: &str, more: &str| {
        format!(
            r#"{{"eventID":"{id}","eventTime":"2026-11-20T10:00:00Z","eventSource":"s3.amazonaws.com","eventName":"ListBuckets","eventType":"AwsApiCall","recipientAccountId":"111122223333","userIdentity":{{"type":"IAMUser","accountId":"111122223333","userName":"u"}}{more}}}"#
        )
    };
    let addendum = r#","addendum":{"reason":"UPDATED_DATA","originalEventID":"e1"}"#;
    let (original, same) = (trail("e1", ""), trail("e2", addendum));
    let other = trail("e3", &format!(r#"{addendum},"errorCode":"AccessDenied""#));
    for order in orders(&[original, same.clone(), other]) {
        let (mut seen, reading) = read_bytes(order.join("\n").as_bytes(), &options());
        seen.observed.sort();
        let expected = ["Allowed", "Refused"]
            .map(|outcome| format!("arn:aws:iam::111122223333:user/u s3:ListAllMyBuckets (no resource level) {outcome} Stated"));
        assert_eq!((seen.observed.as_slice(), seen.count("skipped Addendum")), (&expected[..], 1), "{order:?}");
        assert_eq!(reading.duplicate_id_count, 0);
    }
    let (seen, _) = read_bytes(same.as_bytes(), &options());
    assert_eq!(seen.observed.len(), 1, "the original lies outside of the log");
}
