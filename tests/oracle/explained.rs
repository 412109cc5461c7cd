//! Differences from the simulator that AWS's pages settle: each has a rule that recognises it and a test that pins it.

use serde_json::{Value, json};

use super::language::Asked;
use super::simulator::{ACCOUNT, Case, context, decisions, folder, judged};

/// One settled difference.
struct Explained {
    /// In a few words.
    name: &'static str,
    /// The page that settles it.
    page: &'static str,
    /// Whether a pair is one of these: the policies' text, the setup, the request.
    is_it: fn(&str, &Value, &Asked) -> bool,
}

const EXPLAINED: &[Explained] = &[
    Explained {
        name: "IfExists makes any operator but Null true for an absent key, ForAnyValue included",
        page: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_IfExists",
        is_it: |text, _, asked| {
            let has_many = asked.context.keys().any(|key| key.ends_with("TagKeys"));
            text.contains("ForAnyValue:") && text.contains("IfExists") && !has_many
        },
    },
    Explained {
        name: "0.0.0.0/0 is every IPv4 address",
        page: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_IPAddress",
        is_it: |text, _, _| text.contains("0.0.0.0/0"),
    },
    Explained {
        name: "an IPv6 address is none that an IPv4 address without a mask stands for",
        page: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_IPAddress",
        is_it: |text, _, asked| {
            let found: Vec<&String> =
                asked.context.iter().filter(|(key, _)| key.contains("SourceIp")).flat_map(|(_, all)| all).collect();
            text.contains("\"10.1.2.3\"") && found.iter().any(|value| value.contains(':'))
        },
    },
    Explained {
        name: "${*}, ${?} and ${$} stand for themselves wherever a variable can stand, StringEquals included",
        page: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-specialchars",
        is_it: |text, _, _| text.contains("Equals") && ["${*}", "${?}", "${$}"].iter().any(|special| text.contains(special)),
    },
    Explained {
        name: "before version 2012-10-17 `${..}` is plain text",
        page: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html",
        is_it: |text, setup, _| {
            let old = setup["identity"].as_array().into_iter().flatten().any(|document| document["Version"] != "2012-10-17");
            old && text.contains("${")
        },
    },
    Explained {
        name: "resource control policies reach only the services that support them, and Lambda does not",
        page: "https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html#rcp-supported-services",
        is_it: |_, setup, asked| {
            asked.action.starts_with("lambda:") && setup["rcps"].as_array().is_some_and(|all| !all.is_empty())
        },
    },
    Explained {
        name: "what a resource policy allows to the session itself, or to `*`, is not limited by session policies that say nothing",
        page: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html, \
               https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-roles",
        is_it: |_, setup, _| {
            let principal = &setup["principal"];
            let of = |one: &Value| {
                let aws = &one["Principal"]["AWS"];
                let listed = aws.as_array().is_some_and(|all| all.contains(principal));
                one["Principal"] == "*" || aws == "*" || aws == principal || listed
            };
            let statements = setup["resource"]["Statement"].as_array();
            !setup["session"].is_null() && statements.is_some_and(|all| all.iter().any(of))
        },
    },
];

/// Whether a difference is one of those above.
pub(super) fn is_explained(case: &Case, asked: &Asked, _owner: &str, _ours: char, _theirs: char) -> bool {
    let text = case.setup.to_string();
    EXPLAINED.iter().any(|one| (one.is_it)(&text, &case.setup, asked))
}

/// One pair for each rule, in its order: setup, request, our answer, theirs.
fn pins() -> Vec<(Value, Asked, char, char)> {
    let asked = |action: &str, resource: &str, pairs: Vec<(&str, &str)>| Asked {
        action: action.to_owned(),
        resource: resource.to_owned(),
        context: context(pairs.into_iter().map(|(key, value)| (key, Some(vec![value.to_owned()]))).collect()),
    };
    let get = |pairs| asked("s3:GetObject", "arn:aws:s3:::b/k", pairs);
    let role = format!("arn:aws:iam::{ACCOUNT}:role/app");
    let when = |condition: Value| {
        let statement = json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition});
        json!({"principal": role, "identity": [{"Version": "2012-10-17", "Statement": [statement]}]})
    };
    let all = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]});
    let session = format!("arn:aws:sts::{ACCOUNT}:assumed-role/app/s");
    let key = format!("arn:aws:kms:eu-west-1:{ACCOUNT}:key/k");
    let function = format!("arn:aws:lambda:eu-west-1:{ACCOUNT}:function:f");
    vec![
        (when(json!({"ForAnyValue:StringEqualsIfExists": {"aws:TagKeys": ["a"]}})), get(vec![]), 'a', 'i'),
        (when(json!({"IpAddress": {"aws:SourceIp": ["0.0.0.0/0"]}})), get(vec![("aws:SourceIp", "192.0.2.1")]), 'a', 'i'),
        (when(json!({"NotIpAddress": {"aws:SourceIp": ["10.1.2.3"]}})), get(vec![("aws:SourceIp", "2001:db8::1")]), 'a', 'i'),
        (when(json!({"StringEquals": {"aws:PrincipalTag/t": ["${*}"]}})), get(vec![("aws:PrincipalTag/t", "*")]), 'a', 'i'),
        (
            json!({"principal": role, "identity": [{"Version": "2008-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::b/${aws:username}"}]}]}),
            get(vec![("aws:username", "k")]),
            'i',
            'a',
        ),
        (
            json!({"principal": role, "identity": [all], "rcps": [[{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}]}]]}),
            asked("lambda:InvokeFunction", &function, vec![]),
            'a',
            'd',
        ),
        (
            json!({"principal": session, "identity": [], "session": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]},
                "resource": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": session}, "Action": "kms:*", "Resource": "*"}]}}),
            asked("kms:Decrypt", &key, vec![]),
            'a',
            'i',
        ),
    ]
}

#[test]
fn every_explained_difference_is_pinned() {
    let pins = pins();
    assert_eq!(pins.len(), EXPLAINED.len());
    let mut cases = Vec::new();
    for (one, (setup, asked, ours, _)) in EXPLAINED.iter().zip(&pins) {
        assert!((one.is_it)(&setup.to_string(), setup, asked) && one.page.starts_with("https://"), "{}", one.name);
        let case = Case { feature: "pins", setup: setup.clone(), requests: vec![(asked.clone(), ACCOUNT.to_owned())] };
        assert_eq!(decisions(&case), [*ours], "{}", one.name);
        cases.push(case);
    }
    let Some(folder) = folder() else { return };
    let theirs: Vec<String> = pins.iter().map(|(_, _, _, theirs)| theirs.to_string()).collect();
    assert_eq!(judged(&folder, &cases), theirs, "a rule that explains nothing any more is to be removed");
}
