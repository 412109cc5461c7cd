//! Services whose names are no ARN's slot as they stand: queue URLs, aliases, partial ARNs, chosen suffixes, paths.

use serde_json::Value;

use super::parameters::{get, read, text};
use super::{Found, Scene, access_point, listed, of_types};
use crate::access::aws::{Arn, Segment, Text, Wildcard};
use crate::access::identity::Name;
use crate::catalog::format::Fill;
use crate::catalog::reference::ActionDefinition;
use crate::ingest::cloudtrail::identity;
use crate::ingest::cloudtrail::record::Trail;

const SECRET_SUFFIX: &str = "Secrets Manager appends six characters to a secret's name that the record does not show";
const NO_PATH: &str = "the record does not show the path of this name: taken as `/`";
const LINKED: &str = "the service chooses the name of its service-linked role";
const LOG_GROUP: &str = "a log group is asked for with its streams: its ARN ends in `:*`";
const TYPE_NOT_SHOWN: &str = "the record names what was tagged by its id alone: an id of any type";
const PRIMARY: &str = "a query that names no workgroup runs in `primary`";
/// The management account and the id of an organization stand in no parameter.
pub(super) const ORGANIZATION: &str = "the record does not show the organization: any that this is in";
const KEYS_NOT_NAMED: &str = "the record does not name the keys: any key of the bucket";

/// The account that a parameter names; empty where the record's own account is meant.
pub(super) fn account(trail: &Trail, prefix: &str) -> String {
    let name = match prefix {
        "ecr" => "registryId",
        "glue" => "catalogId",
        "sqs" => "queueOwnerAWSAccountId",
        _ => return String::new(),
    };
    let named = text(&trail.request, name).unwrap_or_default();
    if named.len() == 12 && named.bytes().all(|byte| byte.is_ascii_digit()) { named.to_owned() } else { String::new() }
}

/// The type under whose name a narrower one is asked for: a version or alias of a function is a function.
pub(super) fn wider(prefix: &str, kind: &str) -> Option<&'static str> {
    match (prefix, kind) {
        ("lambda", "function alias" | "function version") => Some("function"),
        ("states", "statemachinealias" | "statemachineversion") => Some("statemachine"),
        _ => None,
    }
}

/// Resources of services that are read in their own way; `None` for all others.
pub(super) fn first(scene: &Scene<'_>, definition: &ActionDefinition) -> Option<Vec<Found>> {
    let listed = listed(scene, definition);
    if !listed.is_empty() {
        return None;
    }
    match scene.prefix {
        "sqs" => queue(scene),
        "lambda" => function(scene, definition),
        "sns" => subscription(scene, definition),
        "secretsmanager" => secret(scene, definition),
        "iam" => iam(scene, definition),
        "s3" if matches!(scene.trail.event.as_str(), "DeleteObjects" | "PostObject") => object_batch(scene),
        "events" => event_bus(scene, definition),
        "ssm" => document(scene, definition),
        "athena" => workgroup(scene),
        _ => None,
    }
}

/// Slots that no record shows, though it shows the rest.
pub(super) fn is_open(prefix: &str, slot: &str) -> bool {
    prefix == "organizations" && matches!(slot, "OrganizationId" | "Account")
}

/// <https://docs.aws.amazon.com/athena/latest/ug/workgroups-create-update-delete.html>
fn workgroup(scene: &Scene<'_>) -> Option<Vec<Found>> {
    let asks = matches!(scene.action, "StartQueryExecution" | "ListQueryExecutions" | "ListNamedQueries");
    let named = scene.trail.request.is_empty() || get(&scene.trail.request, "workGroup").is_some();
    if !asks || named || scene.account.is_empty() {
        return None;
    }
    let mut primary = found("workgroup", scene.arn("athena", scene.account, Text::literal("workgroup/primary")));
    primary.iter_mut().for_each(|found| found.implied = Some(PRIMARY));
    Some(primary)
}

/// Corrects what the common way found.
pub(super) fn after(scene: &Scene<'_>, definition: &ActionDefinition, found: &mut Vec<Found>) {
    match scene.prefix {
        "dynamodb" => index(scene, definition, found),
        "s3" => access_point::after(scene, definition, found),
        "lambda" => qualifier(scene, found),
        "ec2" if matches!(scene.action, "CreateTags" | "DeleteTags") => tagged(scene, found),
        "logs" => log_group(scene, found),
        "events" => {
            let bus = text(&scene.trail.request, "eventBusName")
                .is_some_and(|bus| bus != "default" && !bus.ends_with("event-bus/default"));
            let other = if bus { "rule-on-default-event-bus" } else { "rule-on-custom-event-bus" };
            if found.iter().any(|found| found.kind.starts_with("rule-on-") && found.kind != other) {
                found.retain(|found| found.kind != other);
            }
        }
        _ => {}
    }
}

/// How a text fills a slot, with the named rule where it is not simply that text; `None` where it cannot.
pub(super) fn fill(scene: &Scene<'_>, slot: &str, value: &str) -> Option<(Fill, Option<&'static str>)> {
    let literal = |text: &str| Some((Fill::Literal(text.to_owned()), None));
    match (scene.prefix, slot) {
        // An alias is no key: which key it named is not in the parameters.
        ("kms", "KeyId") => (!value.starts_with("alias/")).then(|| literal(value)).flatten(),
        ("kms", "Alias") => literal(value.strip_prefix("alias/").unwrap_or(value)),
        ("ssm", "ParameterNameWithoutLeadingSlash") => {
            // `name:version` and `name:label` select; names hold no colon.
            let name = value.split(':').next().unwrap_or(value);
            literal(name.strip_prefix('/').unwrap_or(name))
        }
        ("ssm", "ResourceId") => literal(value.strip_prefix('/').unwrap_or(value)),
        ("s3", "BucketName") => (!value.contains(['/', ':'])).then(|| literal(value)).flatten(),
        _ => literal(value),
    }
}

fn found(kind: &str, arn: Arn) -> Vec<Found> {
    vec![Found { kind: kind.to_owned(), arn, implied: None }]
}

/// `https://sqs.REGION.amazonaws.com/ACCOUNT/NAME`
fn queue(scene: &Scene<'_>) -> Option<Vec<Found>> {
    let url = text(&scene.trail.request, "queueUrl")?;
    let mut segments = url.rsplit('/');
    let (name, account) = (segments.next()?, segments.next()?);
    let numbered = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    (numbered && !name.is_empty()).then(|| found("queue", scene.arn("sqs", account, Text::literal(name))))
}

/// `NAME`, `NAME:QUALIFIER`, `ACCOUNT:function:NAME[:QUALIFIER]` or an ARN.
fn function(scene: &Scene<'_>, definition: &ActionDefinition) -> Option<Vec<Found>> {
    let takes = definition.types.iter().any(|used| used.name == "function");
    let name = text(&scene.trail.request, "functionName").filter(|name| takes && !name.starts_with("arn:"))?;
    let (account, name) = match name.split_once(":function:") {
        Some((account, name)) if account.len() == 12 => (account, name),
        _ => (scene.account, name),
    };
    (!account.is_empty() && !name.is_empty())
        .then(|| found("function", scene.arn("lambda", account, Text::literal(&format!("function:{name}")))))
}

/// Calls on a version or alias are asked on its qualified ARN.
fn qualifier(scene: &Scene<'_>, found: &mut [Found]) {
    let qualified = matches!(scene.action, "InvokeFunction" | "GetFunction" | "GetFunctionConfiguration");
    let Some(qualifier) = text(&scene.trail.request, "qualifier").filter(|_| qualified) else { return };
    for found in found.iter_mut().filter(|found| found.kind == "function") {
        if let Some(resource) = found.arn.resource.as_literal().filter(|resource| resource.matches(':').count() == 1) {
            found.arn.resource = Text::literal(&format!("{resource}:{qualifier}"));
        }
    }
}

/// A subscription's ARN is its topic's with an id behind it.
fn subscription(scene: &Scene<'_>, definition: &ActionDefinition) -> Option<Vec<Found>> {
    let (topic, _) = text(&scene.trail.request, "subscriptionArn")?.rsplit_once(':')?;
    let topics: Vec<Found> = of_types(scene, definition, topic).collect();
    (!topics.is_empty()).then_some(topics)
}

/// A name stands for an ARN that ends in a hyphen and six characters.
fn secret(scene: &Scene<'_>, definition: &ActionDefinition) -> Option<Vec<Found>> {
    if !scene.action.starts_with("Create") {
        let answered = ["aRN", "arn", "ARN"].iter().find_map(|name| text(scene.trail.response(), name));
        let answered: Vec<Found> = answered.into_iter().flat_map(|arn| of_types(scene, definition, arn)).collect();
        if !answered.is_empty() {
            return Some(answered);
        }
    }
    let id = text(&scene.trail.request, "secretId").or_else(|| text(&scene.trail.request, "name"))?;
    let takes = definition.types.iter().any(|used| used.name == "Secret");
    if !takes {
        return None;
    }
    let suffixed = |mut arn: Arn| {
        let name = arn.resource.as_literal().unwrap_or_default().to_owned();
        let open = std::iter::repeat_n(Segment::Wildcard(Wildcard::One), 6);
        arn.resource = Text::from_segments(std::iter::once(Segment::Literal(format!("{name}-"))).chain(open));
        vec![Found { kind: "Secret".to_owned(), arn, implied: Some(SECRET_SUFFIX) }]
    };
    if id.starts_with("arn:") {
        let arn = Arn::literal(id)?;
        let whole =
            id.rsplit_once('-').is_some_and(|(_, end)| end.len() == 6 && end.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        return Some(if whole { found("Secret", arn) } else { suffixed(arn) });
    }
    if scene.account.is_empty() {
        return None;
    }
    Some(suffixed(scene.arn("secretsmanager", scene.account, Text::literal(&format!("secret:{id}")))))
}

/// Names of roles, users, groups and policies come without their path.
fn iam(scene: &Scene<'_>, definition: &ActionDefinition) -> Option<Vec<Found>> {
    let answered: Vec<Found> =
        super::parameters::deep_arns(scene.trail.response()).iter().flat_map(|arn| of_types(scene, definition, arn)).collect();
    if !answered.is_empty() {
        return Some(answered);
    }
    if scene.action == "CreateServiceLinkedRole" {
        return service_linked(scene);
    }
    let (kind, parameter) = named(scene, definition)?;
    let global = |resource: String| {
        let mut arn = scene.arn("iam", scene.account, Text::literal(&resource));
        arn.region = Text::default();
        arn
    };
    let Some(name) = text(&scene.trail.request, parameter) else {
        // Without a name a user asks about itself.
        let me = identity::identity(scene.trail).ok().filter(|me| kind == "user" && matches!(me.name, Name::User(_)))?;
        let no_other = super::parameters::top_arns(scene.prefix, &scene.trail.request).is_empty()
            && get(&scene.trail.request, "policyName").is_none();
        return no_other.then(|| me.arn().and_then(|arn| Arn::literal(&arn))).flatten().map(|arn| found("user", arn));
    };
    if kind == "policy" && !scene.action.starts_with("Create") {
        return None;
    }
    let path = text(&scene.trail.request, "path").unwrap_or("/");
    let made = scene.action.starts_with("Create") || scene.action.starts_with("Upload");
    let resource = format!("{kind}{}{name}", if made && path.starts_with('/') && path.ends_with('/') { path } else { "/" });
    let mut built = found(&kind, global(resource));
    built.iter_mut().for_each(|found| found.implied = (!made).then_some(NO_PATH));
    (!scene.account.is_empty()).then_some(built)
}

/// The type that a name in the parameters is of, and which parameter; a user that is not named is the caller.
fn named(scene: &Scene<'_>, definition: &ActionDefinition) -> Option<(String, &'static str)> {
    const NAMES: [(&str, &str); 6] = [
        ("role", "roleName"),
        ("user", "userName"),
        ("group", "groupName"),
        ("instance-profile", "instanceProfileName"),
        ("policy", "policyName"),
        ("server-certificate", "serverCertificateName"),
    ];
    let takes = |kind: &str| definition.types.iter().any(|used| used.name == kind);
    let given = NAMES.iter().find(|(kind, parameter)| takes(kind) && text(&scene.trail.request, parameter).is_some());
    let given = given.or_else(|| NAMES.iter().find(|(kind, _)| *kind == "user" && takes(kind)));
    given.map(|(kind, parameter)| ((*kind).to_owned(), *parameter))
}

/// A service-linked role: its service is asked for, its name is the service's choice.
fn service_linked(scene: &Scene<'_>) -> Option<Vec<Found>> {
    let service =
        text(&scene.trail.request, "aWSServiceName").filter(|service| !service.contains('/') && !scene.account.is_empty())?;
    let mut arn = scene.arn("iam", scene.account, Text::default());
    arn.region = Text::default();
    let path = Segment::Literal(format!("role/aws-service-role/{service}/"));
    arn.resource = Text::from_segments([path, Segment::Wildcard(Wildcard::Any)]);
    Some(vec![Found { kind: "role".to_owned(), arn, implied: Some(LINKED) }])
}

/// A batch whose keys CloudTrail does not write.
fn object_batch(scene: &Scene<'_>) -> Option<Vec<Found>> {
    let bucket = text(&scene.trail.request, "bucketName").filter(|bucket| !bucket.contains(['/', ':']))?;
    if text(&scene.trail.request, "key").is_some() {
        return None;
    }
    let keys = ["object", "objects"].map(|name| read(&scene.trail.request, &["delete", name, "[]", "key"])).concat();
    if !keys.is_empty() {
        let object = |key: &String| {
            let mut arn = scene.arn("s3", "", Text::literal(&format!("{bucket}/{key}")));
            arn.region = Text::default();
            Found { kind: "object".to_owned(), arn, implied: None }
        };
        return Some(keys.iter().filter(|key| !key.is_empty()).map(object).collect());
    }
    let mut arn = scene.arn("s3", "", Text::default());
    arn.region = Text::default();
    arn.resource = Text::from_segments([Segment::Literal(format!("{bucket}/")), Segment::Wildcard(Wildcard::Any)]);
    Some(vec![Found { kind: "object".to_owned(), arn, implied: Some(KEYS_NOT_NAMED) }])
}

/// Events that name no bus go to the default one.
fn event_bus(scene: &Scene<'_>, definition: &ActionDefinition) -> Option<Vec<Found>> {
    let entries = get(&scene.trail.request, "entries").and_then(Value::as_array).filter(|_| scene.action == "PutEvents")?;
    let mut buses = Vec::new();
    for entry in entries {
        let name = entry.as_object().and_then(|entry| text(entry, "eventBusName")).unwrap_or("default");
        if name.starts_with("arn:") {
            buses.extend(of_types(scene, definition, name));
        } else if !scene.account.is_empty() {
            buses.extend(found("event-bus", scene.arn("events", scene.account, Text::literal(&format!("event-bus/{name}")))));
        }
    }
    (!buses.is_empty()).then_some(buses)
}

/// Documents that AWS owns have no account in their ARN; the other types of the call are read in the common way.
fn document(scene: &Scene<'_>, definition: &ActionDefinition) -> Option<Vec<Found>> {
    let name = text(&scene.trail.request, "documentName").or_else(|| text(&scene.trail.request, "name"))?;
    let owned =
        ["AWS-", "AWSEC2-", "AWSConfigRemediation-", "AWSSupport-", "AWSFIS-", "Amazon", "AWSQuickSetup", "AWSResilienceHub-"];
    let takes = definition.types.iter().any(|used| used.name == "document")
        && !definition.types.iter().any(|used| used.name == "parameter");
    if !takes || !owned.iter().any(|beginning| name.starts_with(beginning)) {
        return None;
    }
    let mut all = super::generic(scene, definition);
    all.retain(|found| found.kind != "document");
    all.extend(found("document", scene.arn("ssm", "", Text::literal(&format!("document/{name}")))));
    Some(all)
}

/// A query on an index is asked on the index, not on its table.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/using-identity-based-policies.html>
fn index(scene: &Scene<'_>, definition: &ActionDefinition, found: &mut Vec<Found>) {
    let takes = definition.types.iter().any(|used| used.name == "index");
    let Some(index) = read(&scene.trail.request, &["indexName"]).into_iter().next().filter(|index| takes && !index.is_empty())
    else {
        return;
    };
    let tables: Vec<Arn> = found.iter().filter(|found| found.kind == "table").map(|found| found.arn.clone()).collect();
    for mut arn in tables {
        if let Some(table) = arn.resource.as_literal() {
            arn.resource = Text::literal(&format!("{table}/index/{index}"));
            found.push(Found { kind: "index".to_owned(), arn, implied: None });
        }
    }
    if found.iter().any(|found| found.kind == "index") {
        found.retain(|found| found.kind != "table");
    }
}

/// Tags go on several things in one call: one whose id is of no known beginning is named without its type.
fn tagged(scene: &Scene<'_>, found: &mut Vec<Found>) {
    for id in read(&scene.trail.request, &["resourcesSet", "items", "[]", "resourceId"]) {
        let end = format!("/{id}");
        let known = |found: &Found| {
            found
                .arn
                .resource
                .segments()
                .last()
                .is_some_and(|last| matches!(last, Segment::Literal(text) if text.ends_with(&end)))
        };
        if id.is_empty() || scene.account.is_empty() || found.iter().any(known) {
            continue;
        }
        let resource = Text::from_segments([Segment::Wildcard(Wildcard::Any), Segment::Literal(end)]);
        found.push(Found { kind: String::new(), arn: scene.arn("ec2", scene.account, resource), implied: Some(TYPE_NOT_SHOWN) });
    }
}

/// Log groups are named `NAME:*` in policies, except where tags are asked for.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html>
fn log_group(scene: &Scene<'_>, found: &mut [Found]) {
    if matches!(scene.action, "TagResource" | "UntagResource" | "ListTagsForResource") {
        return;
    }
    for found in found.iter_mut().filter(|found| found.kind == "log-group" && found.implied.is_none()) {
        if let Some(group) = found.arn.resource.as_literal() {
            let group = Segment::Literal(format!("{group}:"));
            found.arn.resource = Text::from_segments([group, Segment::Wildcard(Wildcard::Any)]);
            found.implied = Some(LOG_GROUP);
        }
    }
}
