//! Bad input is a value: nothing panics, memory is bounded, the fault is said.

use super::*;

#[test]
fn what_is_quoted_from_a_record_is_bounded() {
    let long = "x".repeat(1 << 20);
    let log = format!("{}\n{}\n", get(&long), get("a").replace(r#""code":200"#, &format!(r#""code":"{long}""#)));
    struct Bounded;
    impl Sink for Bounded {
        fn record(&mut self, record: &Record<'_>) {
            match record {
                Record::Observed { observations, .. } => {
                    let id = &observations[0].times.evidence.events()[0].id;
                    assert!(id.starts_with("blake3:") && id.len() < 100);
                }
                Record::Rejected { detail, .. } => assert!(detail.len() < 1000),
                Record::Undecided { .. } | Record::Skipped { .. } => panic!("neither"),
            }
        }
        fn fact(&mut self, _: &Fact) {}
        fn sighting(&mut self, _: &Sighting, _: &Times) {}
    }
    let inputs = discover(&["-".to_owned()], &mut log.as_bytes()).expect("stdin");
    assert_eq!(read(&inputs.inputs, &options(), &mut Bounded, &|_, _| {}).records, 2);
}

#[test]
fn a_truncated_file_keeps_what_is_whole() {
    let log: String = (0..2000).fold(String::new(), |mut log, number| {
        let _ = writeln!(log, "{}", get(&format!("{number}-{}", blake3::hash(&u32::to_le_bytes(number)))));
        log
    });
    let packed = gzip(log.as_bytes());
    let (seen, reading) = read_bytes(&packed[..packed.len() / 2], &options());
    assert!((1..2000).contains(&seen.count("observed")), "{:?}", seen.ends);
    assert!(matches!(fault(&reading), Some(FileFault::Truncated(why)) if why.contains("byte")));
    let (seen, reading) = read_bytes(&log.as_bytes()[..log.len() - 10], &options());
    assert_eq!((seen.count("observed"), seen.count("rejected Truncated")), (1999, 1));
    assert!(matches!(fault(&reading), Some(FileFault::Truncated(_))));
    let (_, reading) = read_bytes(format!(r#"{{"items":[{}"#, get("a")).as_bytes(), &options());
    assert!(matches!(fault(&reading), Some(FileFault::Truncated(_))));
}

#[test]
fn bad_input_is_a_value() {
    let (seen, reading) = read_bytes(b"", &options());
    assert!(matches!(fault(&reading), Some(FileFault::Foreign(why)) if why.starts_with("empty file")));
    assert_eq!(seen.records(), 1);
    let noise: Vec<u8> =
        (0..200_000_u32).flat_map(|number| blake3::hash(&number.to_le_bytes()).as_bytes()[..4].to_vec()).collect();
    let (seen, reading) = read_bytes(&noise, &options());
    assert_eq!((seen.count("rejected Foreign"), seen.records()), (1, 1));
    assert!(matches!(fault(&reading), Some(FileFault::Foreign(_))));
    let lines = "{\"colour\":\"red\"}\n".repeat(100_000);
    let (seen, reading) = read_bytes(lines.as_bytes(), &options());
    assert_eq!((seen.records(), reading.records), (1, 1), "a foreign file is one rejected record");
    let mixed = format!("{}{}\n", "{\"colour\":\"red\"}\n".repeat(300), get("a"));
    let (seen, reading) = read_bytes(mixed.as_bytes(), &options());
    assert_eq!((seen.count("rejected Foreign"), seen.count("observed"), fault(&reading)), (300, 1, None));
    let deep = format!("{{\"a\":{}{}}}\n{}\n", "[".repeat(10_000), "]".repeat(10_000), get("a"));
    let (seen, _) = read_bytes(deep.as_bytes(), &options());
    assert_eq!((seen.count("rejected TooDeep"), seen.count("observed")), (1, 1));
    let missing = Input { name: "gone".to_owned(), path: PathBuf::from("/nonexistent/x"), named: true, kind: InputKind::Log };
    let mut seen = Seen::default();
    let reading = read(&[missing], &options(), &mut seen, &|_, _| {});
    assert!(matches!(fault(&reading), Some(FileFault::Unreadable(_))));
}

#[test]
fn a_line_of_100_megabytes_is_one_rejected_record() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("log");
    let mut file = fs::File::create(&path).expect("file");
    file.write_all(b"{\"a\":\"").expect("write");
    for _ in 0..100 {
        file.write_all(&vec![b'x'; 1 << 20]).expect("write");
    }
    file.write_all(format!("\"}}\n{}\n", get("a")).as_bytes()).expect("write");
    let (seen, reading) = read_all(&found(&[&path]), &options());
    assert_eq!((seen.count("rejected TooLarge"), seen.count("observed"), fault(&reading)), (1, 1, None));
}

#[test]
fn a_bomb_stops_and_says_so() {
    // 1 GiB of zeros in a megabyte: foreign at the first bytes.
    let zeros = gzip(&vec![0_u8; 1 << 20]).repeat(1024);
    let (seen, reading) = read_bytes(&zeros, &options());
    assert_eq!(seen.records(), 1);
    assert!(matches!(fault(&reading), Some(FileFault::Foreign(_))));
    // One that begins like a log: stopped at the limit for a file, its first record kept.
    let blanks = [gzip(format!("{}\n", get("a")).as_bytes()), gzip(&vec![b' '; 1 << 20]).repeat(64)].concat();
    let (seen, reading) = read_bytes(&blanks, &Options { file_bytes_max: 8 << 20, ..options() });
    assert_eq!(seen.count("observed"), 1);
    assert!(matches!(fault(&reading), Some(FileFault::Unreadable(why)) if why.contains("decompressed")));
    // Inside a wrapper.
    let data = base64(&gzip(&vec![b' '; 2 << 20]));
    let wrapped = format!(r#"{{"records":[{{"data":"{data}"}}]}}"#);
    let (seen, _) = read_bytes(wrapped.as_bytes(), &Options { record_bytes_max: 1 << 20, ..options() });
    assert_eq!(seen.count("rejected TooLarge"), 1);
}

#[test]
fn wrappers_within_wrappers_have_an_end() {
    let mut log = get("a");
    for _ in 0..20 {
        log = format!(r#"{{"detail":{log}}}"#);
    }
    let (seen, _) = read_bytes(log.as_bytes(), &options());
    assert_eq!(seen.count("rejected TooDeep"), 1, "{:?}", seen.ends);
    let array = format!("{}{}{}", "[".repeat(50), get("a"), "]".repeat(50));
    let (seen, _) = read_bytes(array.as_bytes(), &options());
    assert_eq!(seen.count("rejected TooDeep"), 1, "{:?}", seen.ends);
}

#[test]
fn any_json_in_any_field_is_a_value() {
    let values = ["null", "1", "-1e999", "true", "\"\"", "\"\\u0000\"", "[]", "[1]", "{}", "{\"a\":{}}", "\"${*}`\""];
    let whole: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&get("a")).expect("event");
    let mut log = String::new();
    for key in whole.keys() {
        for (number, value) in values.iter().enumerate() {
            let id = format!("\"{key}-{number}\"");
            let field = |(name, kept): (&String, &serde_json::Value)| match name.as_str() {
                name if name == key => format!("\"{name}\":{value}"),
                "auditID" => format!("\"auditID\":{id}"),
                name => format!("\"{name}\":{kept}"),
            };
            let fields: Vec<String> = whole.iter().map(field).collect();
            let _ = writeln!(log, "{{{}}}", fields.join(","));
        }
    }
    let (seen, _) = read_bytes(log.as_bytes(), &options());
    assert_eq!(seen.records(), (whole.len() * values.len()) as u64);
    assert!(seen.count("rejected Field") > 20 && seen.count("observed") > 20, "{:?}", seen.ends);
}
