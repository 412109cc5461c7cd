//! Every wrapper, compression and table gives the records inside; what is none is refused by name.

use super::*;

/// Name, log, cluster that it names.
fn table() -> Vec<(&'static str, String, &'static str)> {
    let one = get("a");
    let eks = subscription("DATA_MESSAGE", std::slice::from_ref(&one));
    let gke = r#"{"protoPayload":{"@type":"type.googleapis.com/google.cloud.audit.AuditLog","serviceName":"k8s.io","methodName":"io.k8s.core.v1.pods.get","resourceName":"core/v1/namespaces/shop/pods/web-0","authenticationInfo":{"principalEmail":"system:serviceaccount:shop:web"}},"labels":{"authorization.k8s.io/decision":"allow"},"resource":{"type":"k8s_cluster","labels":{"cluster_name":"gke-1","location":"x"}},"insertId":"a","timestamp":"2026-11-20T10:00:00Z"}"#;
    let row = format!(
        r#"{{"AuditId":"a","Level":"Metadata","Stage":"ResponseComplete","RequestUri":"/api/v1/namespaces/shop/pods/web-0","Verb":"get","User":{},"ObjectRef":{{"resource":"pods","namespace":"shop","name":"web-0"}},"ResponseStatus":{},"RequestObject":"skipped-too-big-size-object","RequestReceivedTime":"2026-11-20T10:00:00Z","Annotations":{},"_ResourceId":"/subscriptions/s/resourcegroups/r/providers/microsoft.containerservice/managedclusters/aks-1"}}"#,
        text(r#"{"username":"system:serviceaccount:shop:web"}"#),
        text(r#"{"code":200}"#),
        text(r#"{"authorization.k8s.io/decision":"allow"}"#),
    );
    let aks = format!(
        r#"{{"category":"kube-audit","time":"2026-11-20T10:00:00Z","resourceId":"/SUBSCRIPTIONS/S/RESOURCEGROUPS/R/PROVIDERS/MICROSOFT.CONTAINERSERVICE/MANAGEDCLUSTERS/AKS-1","operationName":"x","properties":{{"log":{},"stream":"stdout"}}}}"#,
        text(&one)
    );
    let cri = format!("2026-11-20T10:00:00.000000000Z stdout F {one}");
    let viaq = one.replacen('{', r#"{"@timestamp":"2026-11-20T10:00:01Z","k8s_audit_level":"Metadata","log_type":"audit","hostname":"h","openshift":{"cluster_id":"c"},"#, 1);
    let nested = format!(r#"{{"detail":{{"message":{}}}}}"#, text(&format!(r#"{{"log":{}}}"#, text(&cri))));
    vec![
        ("native", one.clone(), "cluster"),
        (
            "webhook batch",
            format!(r#"{{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{{}},"items":[{one}]}}"#),
            "cluster",
        ),
        ("list", format!(r#"{{"kind":"List","apiVersion":"v1","items":[{one}]}}"#), "cluster"),
        ("array", format!("[{one}]"), "cluster"),
        (
            "filter-log-events",
            format!(r#"{{"events":[{{"logStreamName":"s","timestamp":1,"message":{}}}]}}"#, text(&one)),
            "cluster",
        ),
        ("messages", format!(r#"{{"timestamp":1,"message":{}}}"#, text(&one)), "cluster"),
        ("subscription", eks.clone(), "prod-1"),
        ("lambda", format!(r#"{{"awslogs":{{"data":"{}"}}}}"#, base64(&gzip(eks.as_bytes()))), "prod-1"),
        ("kinesis", format!(r#"{{"Records":[{{"kinesis":{{"data":"{}"}}}}]}}"#, base64(&gzip(eks.as_bytes()))), "prod-1"),
        ("firehose", format!(r#"{{"records":[{{"recordId":"1","data":"{}"}}]}}"#, base64(&gzip(eks.as_bytes()))), "prod-1"),
        ("firehose plain", format!(r#"{{"records":[{{"recordId":"1","data":"{}"}}]}}"#, base64(one.as_bytes())), "cluster"),
        ("gke", gke.to_owned(), "gke-1"),
        ("aks", format!(r#"{{"records":[{aks}]}}"#), "aks-1"),
        ("aks line", aks.clone(), "aks-1"),
        ("aks row", row, "aks-1"),
        ("viaq", viaq.clone(), "cluster"),
        ("structured", format!(r#"{{"structured":{one},"openshift":{{}}}}"#), "cluster"),
        ("falco", format!(r#"{{"items":[{one}]}}"#), "cluster"),
        ("fluent-bit", format!(r#"{{"log":{},"kubernetes":{{"pod_name":"p"}}}}"#, text(&cri)), "cluster"),
        (
            "docker",
            format!(r#"{{"log":{},"stream":"stdout","time":"2026-11-20T10:00:00Z"}}"#, text(&format!("{one}\n"))),
            "cluster",
        ),
        ("cri", format!("{cri}\n"), "cluster"),
        ("syslog", format!("Nov 20 10:00:00 host audit: {one}\n"), "cluster"),
        ("vector", format!(r#"{{"message":{},"file":"/var/log/x","source_type":"file"}}"#, text(&one)), "cluster"),
        ("panther", one.replacen('{', r#"{"p_log_type":"Amazon.EKS.Audit","#, 1), "cluster"),
        ("texts", format!("{}\n", text(&one)), "cluster"),
        ("elasticsearch", format!(r#"{{"_index":"i","_source":{one}}}"#), "cluster"),
        ("nested", nested, "cluster"),
    ]
}

/// Every wrapper holds the same event; the cluster is the one that the wrapper names.
#[test]
fn every_wrapper_gives_the_event_inside() {
    let table = table();
    for (name, log, cluster) in &table {
        let (seen, reading) = read_bytes(log.as_bytes(), &options());
        assert_eq!(fault(&reading), None, "{name}");
        assert_eq!(seen.observed, [format!("{cluster}/serviceaccount/shop/web get pods web-0 in shop Allowed Stated")], "{name}");
        assert_eq!(seen.clusters, BTreeMap::from([((*cluster).to_owned(), *cluster != "cluster")]), "{name}");
    }
    // The native forms are one event: read together, all but the first is a duplicate.
    let whole: Vec<&String> =
        table.iter().filter(|(name, ..)| !["gke", "aks row"].contains(name)).map(|(_, log, _)| log).collect();
    let folder = tempfile::tempdir().expect("folder");
    for (number, log) in whole.iter().enumerate() {
        fs::write(folder.path().join(format!("{number:02}")), log).expect("write");
    }
    let (seen, _) = read_all(&found(&[folder.path()]), &options());
    assert_eq!((seen.count("observed"), seen.count("skipped Duplicate")), (1, whole.len() as u64 - 1));
}

#[test]
fn what_is_no_record_is_refused_by_name() {
    let control = subscription("CONTROL_MESSAGE", &["CWL CONTROL MESSAGE: Checking health of destination Firehose.".to_owned()]);
    for control in [control.clone(), format!(r#"{{"awslogs":{{"data":"{}"}}}}"#, base64(&gzip(control.as_bytes())))] {
        let (seen, reading) = read_bytes(control.as_bytes(), &options());
        assert_eq!((seen.count("skipped Control"), fault(&reading)), (1, None));
    }
    let table = [
        (
            r#"{"auditID":"30022177-9e2e-43d1-b0d0-06ef9d3db183","requestURI":"/v1/schemas","sourceIPs":["::1"],"user":{"name":"user-f4tt2","group":["system:authenticated"]},"verb":"GET","stage":"RequestReceived","stageTimestamp":"2018-07-20 10:22:43 +0800"}"#,
            "Rancher",
        ),
        (r#"{"category":"kube-apiserver","properties":{"log":"I1120 started"}}"#, "kube-apiserver"),
        (r#"{"protoPayload":{"serviceName":"compute.googleapis.com","methodName":"v1.compute.instances.list"}}"#, "k8s.io"),
        (r#"{"kind":"Event","apiVersion":"v1","involvedObject":{"kind":"Pod"},"reason":"Started"}"#, "expected"),
        (r#"{"message":"I1120 10:00:00 started"}"#, "no JSON"),
        ("name,age,town\nx,1,y\n", "eventName"),
    ];
    for (log, word) in table {
        let (seen, reading) = read_bytes(log.as_bytes(), &options());
        let Some(FileFault::Foreign(why)) = fault(&reading) else { panic!("{log}: {:?}", fault(&reading)) };
        assert!(why.contains(word), "{log}: {why}");
        assert_eq!((seen.count("rejected Foreign"), seen.records()), (1, 1), "{log}");
    }
    for log in [r#"{"records":[{"data":"%%%"}]}"#, r#"{"awslogs":{"data":"H4sIAAAA"}}"#, r#"{"message":"{\"kind\":\"Event\""}"#] {
        let (seen, _) = read_bytes(log.as_bytes(), &options());
        assert_eq!(seen.count("rejected Wrapper"), 1, "{log}: {:?}", seen.ends);
    }
}

#[test]
fn an_option_wins_over_a_wrapper_and_a_hostile_name_names_nothing() {
    let cluster = [("mine".to_owned(), Pattern::new("clusters", "*").expect("glob"))];
    let log = subscription("DATA_MESSAGE", &[get("a")]);
    let (seen, _) = read_bytes(log.as_bytes(), &Options { clusters: &cluster, ..options() });
    assert!(seen.clusters.contains_key("mine"));
    for name in ["a/b", "a:b", "", "..", "a\\nb", "${x}"] {
        let (seen, _) = read_bytes(log.replace("prod-1", name).as_bytes(), &options());
        assert_eq!(seen.clusters, BTreeMap::from([("cluster".to_owned(), false)]), "{name}");
    }
}

#[test]
fn compression_is_told_from_the_bytes() {
    let log = format!("{}\n{}\n", get("a"), get("b"));
    let half = log.find('\n').expect("line") + 1;
    let members = [gzip(&log.as_bytes()[..half]), gzip(&log.as_bytes()[half..])].concat();
    let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 1).expect("zstd");
    let frames = [zstd(&log.as_bytes()[..half]), zstd(&log.as_bytes()[half..])].concat();
    let twice = gzip(&gzip(log.as_bytes()));
    let marked = [b"\xef\xbb\xbf".as_slice(), log.replace('\n', "\r\n").as_bytes()].concat();
    for bytes in [log.as_bytes(), &gzip(log.as_bytes()), &members, &frames, &twice, &marked, &gzip(&marked)] {
        let (seen, reading) = read_bytes(bytes, &options());
        assert_eq!((seen.count("observed"), fault(&reading)), (2, None));
    }
}

#[test]
fn tables_are_read_row_by_row() {
    let rows = "\"EventVersion\",\"eventName\",\"EVENTSOURCE\"\n1.08,GetObject,s3.amazonaws.com\n1.08,\"a\nb\",\"c,\"\"d\"\n1.08,short\n";
    let (seen, reading) = read_bytes(&gzip(rows.as_bytes()), &options());
    assert_eq!((seen.records(), seen.count("rejected Malformed")), (3, 1));
    assert!(matches!(fault(&reading), Some(FileFault::Unusable(why)) if why == "eventTime: missing"));
    let (_, tabs) = read_bytes(rows.replace(',', "\t").as_bytes(), &options());
    assert_eq!(tabs.records, 3);
    // One row that is of use makes the file one of use.
    let one = rows.replace("\n1.08,short\n", "\n").replace("EVENTSOURCE\"\n1.08,GetObject,s3.amazonaws.com\n", "EVENTSOURCE\",\"eventTime\",\"useridentity\"\n1.08,ListBuckets,s3.amazonaws.com,2026-01-02T03:04:05Z,\"{type=IAMUser, arn=arn:aws:iam::111122223333:user/u, accountid=111122223333, username=u}\"\n");
    let (seen, reading) = read_bytes(one.as_bytes(), &options());
    assert_eq!((seen.count("observed"), fault(&reading)), (1, None), "{:?}", seen.ends);
    // A quote that never ends is not kept in memory.
    let open = format!("eventname,eventsource\na,b\nc,\"{}", "x".repeat(4 << 20));
    let (seen, reading) = read_bytes(open.as_bytes(), &Options { record_bytes_max: 1 << 20, ..options() });
    assert_eq!((seen.records(), seen.count("rejected TooLarge")), (2, 1));
    assert!(matches!(fault(&reading), Some(FileFault::Unreadable(_))));
}
