//! API Gateway: verbs on paths.

use serde_json::json;
use tightfit::catalog::Catalog;
use tightfit::catalog::side;

use super::made_up::{lines, record};
use super::resources::{check, with};

/// The rows are of AWS's own examples: <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-iam-policy-examples.html>
/// and of messages that users quote (`apigateway:PUT on resource: ..::/tags/arn%3Aaws%3A..`, mattclay/aws-terminator 284).
#[test]
fn events_are_verbs_on_paths() {
    let here = "arn:aws:apigateway:eu-west-1::";
    let tagged = "arn:aws:apigateway:eu-west-1::/restapis/a/stages/prod";
    let tags = "/tags/arn%3Aaws%3Aapigateway%3Aeu-west-1%3A%3A%2F";
    check(
        "apigateway",
        &[
            ("GetRestApis", json!({}), &[&format!("apigateway:GET {here}/restapis")]),
            ("CreateRestApi", with(json!({"name": "x"})), &[&format!("apigateway:POST {here}/restapis")]),
            ("GetRestApi", with(json!({"restApiId": "a"})), &[&format!("apigateway:GET {here}/restapis/a")]),
            (
                "PutMethod",
                with(json!({"restApiId": "a", "resourceId": "r", "httpMethod": "GET"})),
                &[&format!("apigateway:PUT {here}/restapis/a/resources/r/methods/GET")],
            ),
            ("CreateDeployment", with(json!({"restApiId": "a"})), &[&format!("apigateway:POST {here}/restapis/a/deployments")]),
            ("CreateDeployment", with(json!({"apiId": "a"})), &[&format!("apigateway:POST {here}/apis/a/deployments")]),
            (
                "UpdateStage",
                with(json!({"restApiId": "a", "stageName": "prod"})),
                &[&format!("apigateway:PATCH {here}/restapis/a/stages/prod")],
            ),
            ("DeleteRoute", with(json!({"apiId": "a", "routeId": "r"})), &[&format!("apigateway:DELETE {here}/apis/a/routes/r")]),
            ("CreateDomainName", with(json!({"domainName": "x"})), &[&format!("apigateway:POST {here}/domainnames")]),
            (
                "TagResource",
                with(json!({"resourceArn": tagged})),
                &[&format!("apigateway:PUT {here}{tags}restapis%2Fa%2Fstages%2Fprod"), &format!("apigateway:PATCH {tagged}")],
            ),
            (
                "TagResource",
                with(json!({"resourceArn": "arn:aws:apigateway:eu-west-1::/apis/a"})),
                &[&format!("apigateway:POST {here}{tags}apis%2Fa")],
            ),
            ("GetRestApi", json!({}), &["apigateway:GET ?"]),
        ],
    );
    let china = json!({"awsRegion": "cn-north-1", "userIdentity": {"type": "AWSAccount", "accountId": "2"}});
    assert_eq!(
        lines(&record("apigateway", "GetRestApis", china)),
        ["apigateway:GET arn:aws-cn:apigateway:cn-north-1::/restapis"]
    );
    assert_eq!(
        lines(&record("apigatewaymanagementapi", "PostToConnection", json!({})))[0].split(' ').next(),
        Some("execute-api:ManageConnections")
    );
}

/// The authorization reference lists the ARNs of API Gateway; ours come from its API models.
#[test]
fn paths_are_of_known_types() {
    let service = Catalog::embedded().service("apigateway").unwrap();
    let mut unknown = Vec::new();
    let mut count = 0;
    for (event, routes) in side::all_routes() {
        for route in routes {
            assert!(service.action(route.verb).is_some(), "{event} {}", route.verb);
            let path: String =
                route.path.split('/').map(|part| if part.starts_with('{') { "x1" } else { part }).collect::<Vec<_>>().join("/");
            count += 1;
            if service.types_of(&format!("arn:aws:apigateway:eu-west-1::{path}")).is_empty() {
                unknown.push(format!("{event} {path}"));
            }
        }
    }
    eprintln!("API Gateway: {count} routes, of no known type {}: {unknown:#?}", unknown.len());
    assert!(count > 180 && unknown.len() <= UNKNOWN_MAX, "{count}: {unknown:#?}");
}

/// Those of `/sdktypes`, which the reference leaves out.
const UNKNOWN_MAX: usize = 2;
