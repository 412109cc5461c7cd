//! A CloudTrail record by its fields, with the types checked; unknown fields are ignored.
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html>

use std::cell::Cell;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::named::Parameters;

/// A field that is missing or of the wrong type: its name and what was expected, for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault(pub(super) String);

/// An object of a record.
pub(super) type Object = Map<String, Value>;

/// The session behind temporary credentials.
#[derive(Debug, Default)]
pub(super) struct Issuer {
    /// `Role`, `IAMUser` or `Root`; empty where the record says none.
    pub(super) kind: String,
    pub(super) arn: String,
    pub(super) account: String,
    pub(super) name: String,
}

/// `userIdentity`. Texts are empty where the record has none.
#[derive(Debug, Default)]
pub(super) struct User {
    pub(super) kind: String,
    pub(super) principal: String,
    pub(super) arn: String,
    pub(super) account: String,
    pub(super) name: String,
    pub(super) invoked_by: String,
    pub(super) provider: String,
    pub(super) on_behalf_of: String,
    pub(super) access_key: String,
    /// `inScopeOf.credentialsIssuedTo`: the ARN of the instance or function that was given the credentials.
    pub(super) issued_to: String,
    /// Whether a second factor was given; `None` where the session does not say.
    pub(super) mfa: Option<bool>,
    pub(super) issuer: Issuer,
}

/// What decoding needs of a record. Texts are empty where the record has none.
#[derive(Debug)]
pub(super) struct Trail {
    pub(super) source: String,
    pub(super) event: String,
    pub(super) event_type: String,
    pub(super) time: Timestamp,
    pub(super) id: String,
    pub(super) region: String,
    pub(super) recipient: String,
    pub(super) vpc_endpoint: String,
    pub(super) error_code: String,
    pub(super) error_message: String,
    /// Whether the record says itself that it is a data event.
    pub(super) data: Option<bool>,
    pub(super) user: Option<User>,
    pub(super) request: Parameters,
    response: Object,
    /// Whether anyone asked for the response.
    response_read: Cell<bool>,
    /// ARNs of `resources`, in order.
    pub(super) resources: Vec<String>,
    /// The account that owns all of `resources`; empty where the record names none or several.
    pub(super) owner: String,
    /// `eventContext.requestContext`: condition keys with their values.
    pub(super) request_context: Object,
}

impl Trail {
    /// `responseElements`; that it was asked for is remembered.
    pub(super) fn response(&self) -> &Object {
        self.response_read.set(true);
        &self.response
    }

    /// Whether what the event comes to may depend on `responseElements`.
    pub(super) fn depends_on_response(&self) -> bool {
        self.response_read.get()
    }

    /// Reads the fields of an object that is known to be an API event.
    pub(super) fn read(record: &Object) -> Result<Trail, Fault> {
        let category = text(record, "eventCategory")?;
        let management = match record.get("managementEvent") {
            None | Some(Value::Null) => None,
            Some(Value::Bool(management)) => Some(*management),
            Some(Value::String(text)) if text == "true" || text == "false" => Some(text == "true"),
            Some(other) => return Err(fault("managementEvent", "a boolean", other)),
        };
        let data = match category.as_str() {
            "Data" => Some(true),
            "Management" => Some(false),
            _ => management.map(|management| !management),
        };
        let context = object(record, "eventContext")?;
        let recipient = text(record, "recipientAccountId")?;
        let event = text(record, "eventName")?;
        let mut request = object(record, "requestParameters")?;
        let lifted = lift(&mut request, &event);
        let request = Parameters::of(request);
        if lifted {
            request.all();
        }
        Ok(Trail {
            source: text(record, "eventSource")?,
            event,
            event_type: text(record, "eventType")?,
            time: time(record)?,
            id: id(record)?,
            region: text(record, "awsRegion")?,
            recipient,
            vpc_endpoint: text(record, "vpcEndpointId")?,
            error_code: text(record, "errorCode")?,
            error_message: text(record, "errorMessage")?,
            data,
            user: user(record)?,
            request,
            response: object(record, "responseElements")?,
            response_read: Cell::new(false),
            resources: resources(record)?,
            owner: owner(record),
            request_context: object(&context, "requestContext")?,
        })
    }
}

/// Newer EC2 calls keep their parameters in one named `EVENTRequest`, as `{"tag": 1, "content": "eni-1"}` in lists: they are read as
/// if they stood at the top. Whether there is such a parameter.
fn lift(request: &mut Object, event: &str) -> bool {
    let inner = match request.get(&format!("{event}Request")) {
        Some(Value::Object(inner)) => inner,
        found => return found.is_some(),
    };
    let plain = |value: &Value| value.get("content").filter(|_| value.get("tag").is_some()).unwrap_or(value).clone();
    let lifted: Vec<(String, Value)> = inner
        .iter()
        .map(|(name, value)| {
            let lifted = value.as_array().map(|list| Value::Array(list.iter().map(plain).collect()));
            (name.clone(), lifted.unwrap_or_else(|| plain(value)))
        })
        .collect();
    for (name, value) in lifted {
        request.entry(name).or_insert(value);
    }
    true
}

/// `eventID`; `eventId` in aggregated events and some exports. Empty for none.
pub(super) fn id(record: &Object) -> Result<String, Fault> {
    let id = text(record, "eventID")?;
    if id.is_empty() { text(record, "eventId") } else { Ok(id) }
}

/// `eventTime`; Logstash moves it to `@timestamp`.
pub(super) fn time(record: &Object) -> Result<Timestamp, Fault> {
    let stated = text(record, "eventTime")?;
    let (name, stated) = if stated.is_empty() { ("@timestamp", text(record, "@timestamp")?) } else { ("eventTime", stated) };
    if stated.is_empty() {
        return Err(Fault("eventTime: missing".to_owned()));
    }
    // Athena prints times without a zone; CloudTrail's are always UTC.
    let zoned = if stated.ends_with('Z') || stated.contains('+') { stated.clone() } else { format!("{stated}Z") };
    zoned.parse().map_err(|_| Fault(format!("{name}: expected a time, found `{stated}`")))
}

fn user(record: &Object) -> Result<Option<User>, Fault> {
    let identity = object(record, "userIdentity")?;
    if identity.is_empty() {
        return Ok(None);
    }
    let within = |fault: Fault| Fault(format!("userIdentity.{}", fault.0));
    let session = object(&identity, "sessionContext").map_err(within)?;
    let within_session = |fault: Fault| Fault(format!("userIdentity.sessionContext.{}", fault.0));
    let issuer = object(&session, "sessionIssuer").map_err(within_session)?;
    let attributes = object(&session, "attributes").map_err(within_session)?;
    let federation = object(&session, "webIdFederationData").map_err(within_session)?;
    let within_issuer = |fault: Fault| Fault(format!("userIdentity.sessionContext.sessionIssuer.{}", fault.0));
    let behalf = object(&identity, "onBehalfOf").map_err(within)?;
    let scope = object(&identity, "inScopeOf").map_err(within)?;
    let field = |name: &str| text(&identity, name).map_err(within);
    let mut provider = field("identityProvider")?;
    if provider.is_empty() {
        provider = text(&federation, "federatedProvider").map_err(within_session)?;
    }
    Ok(Some(User {
        kind: field("type")?,
        principal: field("principalId")?,
        arn: field("arn")?,
        account: field("accountId")?,
        name: field("userName")?,
        invoked_by: field("invokedBy")?,
        provider,
        on_behalf_of: text(&behalf, "userId").map_err(within)?,
        access_key: field("accessKeyId")?,
        issued_to: text(&scope, "credentialsIssuedTo").map_err(within)?,
        mfa: match attributes.get("mfaAuthenticated") {
            Some(Value::Bool(given)) => Some(*given),
            Some(Value::String(given)) => given.parse().ok(),
            _ => None,
        },
        issuer: Issuer {
            kind: text(&issuer, "type").map_err(within_issuer)?,
            arn: text(&issuer, "arn").map_err(within_issuer)?,
            account: text(&issuer, "accountId").map_err(within_issuer)?,
            name: text(&issuer, "userName").map_err(within_issuer)?,
        },
    }))
}

fn resources(record: &Object) -> Result<Vec<String>, Fault> {
    let list = match record.get("resources") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        Some(other) => return Err(fault("resources", "a list", other)),
    };
    let mut arns = Vec::new();
    for resource in list {
        let Value::Object(resource) = resource else { return Err(fault("resources[]", "an object", resource)) };
        for name in ["ARN", "arn", "Arn"] {
            let arn = text(resource, name).map_err(|fault| Fault(format!("resources[].{}", fault.0)))?;
            if !arn.is_empty() {
                arns.push(arn);
                break;
            }
        }
    }
    Ok(arns)
}

/// S3's ARNs hold no account: it stands beside them.
fn owner(record: &Object) -> String {
    let list = record.get("resources").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let accounts: std::collections::BTreeSet<&str> =
        list.iter().filter_map(|resource| resource.get("accountId")?.as_str()).filter(|account| !account.is_empty()).collect();
    match accounts.first() {
        Some(account) if accounts.len() == 1 => (*account).to_owned(),
        _ => String::new(),
    }
}

/// A text; absent and null are empty.
pub(super) fn text(record: &Object, name: &str) -> Result<String, Fault> {
    match record.get(name) {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(other) => Err(fault(name, "text", other)),
    }
}

/// An object; absent, null and empty text are empty. Text that holds an object is opened (Athena, some exports); other text says nothing.
fn object(record: &Object, name: &str) -> Result<Object, Fault> {
    match record.get(name) {
        None | Some(Value::Null) => Ok(Object::new()),
        Some(Value::Object(object)) => Ok(object.clone()),
        Some(Value::String(text)) => match serde_json::from_str(text) {
            Ok(Value::Object(object)) => Ok(object),
            _ if name == "userIdentity" => Err(Fault(format!("{name}: expected an object, found text"))),
            _ => Ok(Object::new()),
        },
        Some(other) => Err(fault(name, "an object", other)),
    }
}

fn fault(name: &str, expected: &str, found: &Value) -> Fault {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    Fault(format!("{name}: expected {expected}, found {found}"))
}

/// A record that says nothing but its time.
pub(super) fn empty(time: Timestamp) -> Trail {
    Trail {
        source: String::new(),
        event: String::new(),
        event_type: String::new(),
        time,
        id: String::new(),
        region: String::new(),
        recipient: String::new(),
        vpc_endpoint: String::new(),
        error_code: String::new(),
        error_message: String::new(),
        data: None,
        user: None,
        request: Parameters::default(),
        response: Object::new(),
        response_read: Cell::new(false),
        resources: Vec::new(),
        owner: String::new(),
        request_context: Object::new(),
    }
}
