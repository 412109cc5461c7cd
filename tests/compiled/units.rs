//! Units of IAM made ready find every unit that covers a request by itself, and no other, each once.

use proptest::collection::vec;
use proptest::prelude::*;
use tightfit::access::request::Request;
use tightfit::policy::grant::Permit;
use tightfit::policy::iam::compiled::Compiled;
use tightfit::policy::iam::units;

fn permit() -> impl Strategy<Value = Permit> {
    let action =
        proptest::sample::select(&["s3:GetObject", "S3:getobject", "s3:Get*", "s3:?etObject", "*", "s3*", "sqs:SendMessage"][..]);
    let name = proptest::sample::select(&["a", "b", "a/b", "a*", "${aws:username}", "?", "${*}"][..]);
    (action, proptest::option::weighted(0.9, name), any::<bool>()).prop_map(|(action, name, conditioned)| Permit::Iam {
        action: action.to_owned(),
        resource: name.map_or("*".to_owned(), |name| format!("arn:aws:s3:eu-west-1:111122223333:{name}")),
        condition: if conditioned {
            [("StringLike".to_owned(), [("aws:username".to_owned(), vec!["a*".to_owned()])].into())].into()
        } else {
            [].into()
        },
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_000) })]

    #[test]
    fn every_unit_that_covers_is_found(permits in vec(permit(), 0..30), requests in vec(super::iam::request(), 8)) {
        let document = units(&permits);
        let compiled = Compiled::of(std::slice::from_ref(&document));
        for request in requests {
            let mut found = Vec::new();
            compiled.applying(&request.key, &request.context, |place| found.push(place));
            found.sort_unstable();
            let asked = Request::Aws(request);
            let covers = |(place, permit): (usize, &Permit)| permit.covers(&asked).then_some(place);
            let wanted: Vec<usize> = permits.iter().enumerate().filter_map(covers).collect();
            prop_assert_eq!(found, wanted, "{:?}", asked);
        }
    }
}
