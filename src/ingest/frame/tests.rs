//! The framing table: every input, cut at every place, gives the same frames.

use super::*;

/// Frames as text: `(` head, `)`, values as they are, rejections by name; and whether the end came too early.
fn frames(chunks: &[&[u8]], limit: usize, prefixed: bool) -> (Vec<String>, bool) {
    let plain = framed(chunks, limit, prefixed, false);
    assert_eq!(plain, framed(chunks, limit, prefixed, true), "skimmed");
    plain
}

fn framed(chunks: &[&[u8]], limit: usize, prefixed: bool, skims: bool) -> (Vec<String>, bool) {
    let mut framer = Framer::new(limit, prefixed, skims);
    let mut found = Vec::new();
    let mut take = |frame: Frame<'_>| {
        found.push(match frame {
            Frame::Open(head) => format!("({head}"),
            Frame::Close => ")".to_owned(),
            Frame::Value(json, _) => json.to_owned(),
            Frame::Rejected(reject, _) => format!("{reject:?}"),
        });
    };
    chunks.iter().for_each(|chunk| framer.push(chunk, &mut take));
    let cut = framer.finish(&mut take);
    (found, cut)
}

#[test]
fn every_input_cut_anywhere_gives_the_same_frames() {
    let table: &[(&str, &[&str], bool)] = &[
        ("", &[], false),
        (" \r\n ", &[], false),
        ("{}\n{\"a\":1}\r\n", &["{}", "{\"a\":1}"], false),
        ("{\"a\":{}}{\"b\":[1,-2.5e+3,true,null,\"x\"]}", &["{\"a\":{}}", "{\"b\":[1,-2.5e+3,true,null,\"x\"]}"], false),
        ("{\n  \"a\": \"}{][\\\"\\\\\"\n}\n", &["{\n  \"a\": \"}{][\\\"\\\\\"\n}"], false),
        ("[{\"a\":1}, {\"b\":2}]", &["{\"a\":1}", "{\"b\":2}"], false),
        ("[1,\"two\",[3],null]", &["1", "\"two\"", "[3]", "null"], false),
        ("\"{}\"\n", &["\"{}\""], false),
        ("{\"Records\":[{\"a\":1},{\"b\":[]}]}", &["({}", "{\"a\":1}", "{\"b\":[]}", ")"], false),
        ("{\"Records\":[]}", &["({}", ")"], false),
        (
            "{\"k\":\"v\",\"n\":{\"items\":[1]},\"items\":[{}],\"t\":[{}]}\n{}",
            &["({\"k\":\"v\",\"n\":{\"items\":[1]}}", "{}", ")", "{}"],
            false,
        ),
        // Two arrays of records in one envelope.
        ("{\"Events\":[{}],\"events\":[{\"a\":1}]}", &["({}", "{}", "{\"a\":1}", ")"], false),
        // A key that only looks like one, and a value that is no array.
        ("{\"Record\":[{}],\"items\":{\"x\":1}}", &["{\"Record\":[{}],\"items\":{\"x\":1}}"], false),
        // Garbage lines are one each.
        ("foo\n{}\nbar\nbaz", &["Malformed", "{}", "Malformed", "Malformed"], false),
        // A line that ends inside a text, and one that ends inside a record.
        ("{\"a\":\"cut\n{\"b\":1}\n", &["Malformed", "{\"b\":1}"], false),
        ("{\"a\":1,\n{\"b\":1}\n", &["Malformed", "{\"b\":1}"], false),
        ("{\"a\":1}}\n{\"b\":1}\n", &["{\"a\":1}", "Malformed", "{\"b\":1}"], false),
        ("{\"a\" 1}\n{\"b\":1}\n", &["Malformed", "{\"b\":1}"], false),
        ("{\"a\":[1}]\n{\"b\":1}\n", &["Malformed", "{\"b\":1}"], false),
        // In a list on one line the next element is found again.
        ("{\"Records\":[{\"a\":1,,},{\"b\":1}]}", &["({}", "Malformed", "{\"b\":1}", ")"], false),
        // Ends too early.
        ("{\"a\":1}\n{\"b\":", &["{\"a\":1}", "Truncated"], true),
        ("{\"a\":\"b", &["Truncated"], true),
        ("[{\"a\":1},", &["{\"a\":1}"], true),
        ("{\"Records\":[{\"a\":1}", &["({}", "{\"a\":1}"], true),
        ("{\"Records\":[{\"a\":1}]", &["({}", "{\"a\":1}"], true),
        ("{\"Records\":[{\"a\":1}],\"x\":{", &["({}", "{\"a\":1}"], true),
    ];
    for (input, expected, cut) in table {
        let bytes = input.as_bytes();
        for place in 0..=bytes.len() {
            let found = frames(&[&bytes[..place], &bytes[place..]], 1000, false);
            assert_eq!(found, (expected.iter().map(|frame| (*frame).to_owned()).collect(), *cut), "{input:?} cut at {place}");
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(frames(&single, 1000, false).0, *expected, "{input:?} byte by byte");
    }
}

#[test]
fn text_before_a_record_is_dropped_where_lines_are_prefixed() {
    let log = b"Nov 21 host audit[1]: {\"a\":1}\n[x] \"y\" {\"b\":1}\nno record here\n";
    assert_eq!(frames(&[log], 100, true).0, ["{\"a\":1}", "{\"b\":1}", "Malformed"]);
}

#[test]
fn what_is_too_large_or_too_deep_is_passed_over_whole() {
    let large = format!("{{\"a\":\"{}\"}}\n{{}}\n", "x".repeat(200));
    assert_eq!(frames(&[large.as_bytes()], 100, false), (vec!["TooLarge".to_owned(), "{}".to_owned()], false));
    let deep = format!("{{\"a\":{}{}}}\n{{}}\n", "[".repeat(10_000), "]".repeat(10_000));
    assert_eq!(frames(&[deep.as_bytes()], 100_000, false), (vec!["TooDeep".to_owned(), "{}".to_owned()], false));
    let limit = format!("{}{}", "{\"a\":".repeat(126), "{}") + &"}".repeat(126);
    assert_eq!(frames(&[limit.as_bytes()], 100_000, false).0, [limit.as_str()]);
    assert!(serde_json::from_str::<serde_json::Value>(&limit).is_ok(), "what framing lets through, the parser reads");
    assert_eq!(frames(&[format!("{{\"a\":{limit}}}").as_bytes()], 100_000, false).0, ["TooDeep"]);
    let endless = "{\"a\":[".to_owned() + &"1,".repeat(5000);
    assert_eq!(frames(&[endless.as_bytes()], 100, false), (vec!["TooLarge".to_owned()], true));
}

#[test]
fn an_endless_record_takes_no_memory() {
    let mut framer = Framer::new(1000, false, true);
    framer.push(b"{\"a\":\"", &mut |_| {});
    for _ in 0..1000 {
        framer.push(&[b'x'; 4096], &mut |_| {});
    }
    assert!(framer.record.capacity() <= 1000 && framer.key.capacity() <= 64);
}

#[test]
fn invalid_utf8_is_malformed_and_the_next_record_fine() {
    assert_eq!(frames(&[b"{\"a\":\"\xff\"}\n{}"], 100, false).0, ["Malformed", "{}"]);
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_framed_without_panic_and_alike_however_cut(
        bytes in proptest::collection::vec(proptest::sample::select(b"{}[]\",:\\\n 1a\xffRecords".to_vec()), 0..60),
        place in 0_usize..60,
    ) {
        let place = place.min(bytes.len());
        proptest::prop_assert_eq!(frames(&[&bytes], 30, false), frames(&[&bytes[..place], &bytes[place..]], 30, false));
    }
}
