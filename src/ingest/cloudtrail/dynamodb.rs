//! DynamoDB events that stand for several actions: transactions and PartiQL statements.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html>

use serde_json::Value;

use super::named::Parameters;
use super::record::{Object, Trail};
use super::resource::resources;
use super::want::Want;
use crate::access::aws::{Action, Arn, Resource};
use crate::catalog::Catalog;

/// What a transaction or statement asks for; `Ok(None)` for every other event.
///
/// # Errors
/// What the record would have to carry to tell.
pub(super) fn wants(trail: &Trail, catalog: &Catalog) -> Result<Option<Vec<Want>>, &'static str> {
    match trail.event.as_str() {
        "TransactWriteItems" | "TransactGetItems" => transaction(trail, catalog).map(Some),
        "ExecuteStatement" => {
            let statement = trail.request.get("statement").and_then(Value::as_str);
            statement.map_or(Err("the PartiQL statement"), |text| statements(trail, catalog, &[text])).map(Some)
        }
        "BatchExecuteStatement" => listed(trail, catalog, "statements").map(Some),
        "ExecuteTransaction" => listed(trail, catalog, "transactStatements").map(Some),
        _ => Ok(None),
    }
}

fn list<'a>(request: &'a Parameters, name: &str) -> Option<&'a Vec<Value>> {
    request.get(name).and_then(Value::as_array).filter(|list| !list.is_empty())
}

fn transaction(trail: &Trail, catalog: &Catalog) -> Result<Vec<Want>, &'static str> {
    let parts = list(&trail.request, "transactItems");
    let mut wants = Vec::new();
    for part in parts.into_iter().flatten().filter_map(Value::as_object) {
        for (operation, target) in part {
            let name = match operation.to_ascii_lowercase().as_str() {
                "get" => "GetItem",
                "put" => "PutItem",
                "update" => "UpdateItem",
                "delete" => "DeleteItem",
                "conditioncheck" => "ConditionCheckItem",
                _ => return Err("the operations of the transaction"),
            };
            let table = target.get("tableName").or_else(|| target.get("TableName")).and_then(Value::as_str);
            insert(&mut wants, trail, catalog, name, table.ok_or("the tables of the transaction")?);
        }
    }
    if !wants.is_empty() {
        return Ok(wants);
    }
    // Reads are all of one kind, so the record's own list of tables is enough for them.
    let action = action("GetItem");
    let on = resources(trail, &action, catalog);
    let known = on.iter().all(|built| matches!(built.resource, Resource::Arn(_)));
    if trail.event == "TransactGetItems" && known {
        return Ok(vec![Want::stated(action, on)]);
    }
    Err("the operations of the transaction")
}

fn listed(trail: &Trail, catalog: &Catalog, name: &str) -> Result<Vec<Want>, &'static str> {
    let parts = list(&trail.request, name).ok_or("the PartiQL statements")?;
    let texts: Option<Vec<&str>> =
        parts.iter().map(|part| part.get("statement").or_else(|| part.get("Statement")).unwrap_or(part).as_str()).collect();
    statements(trail, catalog, &texts.ok_or("the PartiQL statements")?)
}

/// `SELECT .. FROM "t"."i"`, `INSERT INTO "t"`, `UPDATE "t"`, `DELETE FROM "t"`.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-iam.html>
fn statements(trail: &Trail, catalog: &Catalog, texts: &[&str]) -> Result<Vec<Want>, &'static str> {
    let mut wants = Vec::new();
    for text in texts {
        let text = quotes_closed(text).ok_or("the PartiQL statement")?;
        let words: Vec<&str> = text.split_whitespace().collect();
        let verb = words.first().map(|word| word.to_ascii_uppercase()).unwrap_or_default();
        let after = |keyword: &str| {
            let place = words.iter().position(|word| word.eq_ignore_ascii_case(keyword))?;
            words.get(place + 1).copied()
        };
        let (name, target) = match verb.as_str() {
            "SELECT" => ("PartiQLSelect", after("FROM")),
            "INSERT" => ("PartiQLInsert", after("INTO")),
            "UPDATE" => ("PartiQLUpdate", words.get(1).copied()),
            "DELETE" => ("PartiQLDelete", after("FROM")),
            _ => return Err("the PartiQL statement"),
        };
        let target = target.ok_or("the table of the PartiQL statement")?;
        let target = target.split(['(', ';', '{', ',']).next().unwrap_or(target);
        insert(&mut wants, trail, catalog, name, &table_of(target).ok_or("the table of the PartiQL statement")?);
    }
    if wants.is_empty() { Err("the PartiQL statement") } else { Ok(wants) }
}

/// A statement in which no blank stands inside quotes, so that a keyword in a text is no word of its own. `None` where a quote stays
/// open or a comment could hide words.
fn quotes_closed(text: &str) -> Option<String> {
    let mut open: Option<char> = None;
    let mut closed = String::with_capacity(text.len());
    let mut previous = ' ';
    for character in text.chars() {
        match (open, character) {
            (None, '\'' | '"') => open = Some(character),
            (Some(quote), _) if quote == character => open = None,
            (None, _) if matches!((previous, character), ('-', '-') | ('/', '*')) => return None,
            (None | Some(_), _) => {}
        }
        closed.push(if open.is_some() && character.is_whitespace() { '\u{1}' } else { character });
        previous = if open.is_some() { ' ' } else { character };
    }
    open.is_none().then_some(closed)
}

/// `"t"."i"` -> `t/index/i`; `None` where quoting is not understood.
fn table_of(target: &str) -> Option<String> {
    let parts: Vec<String> = if target.starts_with('"') {
        let inner = target.strip_prefix('"')?.strip_suffix('"')?;
        inner.split("\".\"").map(str::to_owned).collect()
    } else {
        vec![target.to_owned()]
    };
    let named =
        |name: &String| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    match parts.as_slice() {
        [table] if named(table) => Some(table.clone()),
        [table, index] if named(table) && named(index) => Some(format!("{table}/index/{index}")),
        _ => None,
    }
}

fn action(name: &str) -> Action {
    Action { service: "dynamodb".to_owned(), name: name.to_owned() }
}

/// Adds one action on one table, named or by ARN; the record's list of resources is not asked, since it mixes the operations.
fn insert(wants: &mut Vec<Want>, trail: &Trail, catalog: &Catalog, name: &str, table: &str) {
    let (table, index) = match table.split_once("/index/") {
        Some((table, index)) if !table.starts_with("arn:") => (table, Some(index)),
        _ => (table, None),
    };
    let mut single = super::record::empty(trail.time);
    single.source = trail.source.clone();
    single.event = trail.event.clone();
    single.region = trail.region.clone();
    single.recipient = trail.recipient.clone();
    let mut request = Object::from_iter([("tableName".to_owned(), Value::String(table.to_owned()))]);
    request.extend(index.map(|index| ("indexName".to_owned(), Value::String(index.to_owned()))));
    single.request = Parameters::of(request);
    let suffix = format!("/{table}");
    // A table of another account is known only from the record's own list.
    single.resources =
        trail.resources.iter().filter(|arn| Arn::literal(arn).is_some() && arn.ends_with(&suffix)).cloned().collect();
    let action = action(name);
    let on = resources(&single, &action, catalog);
    match wants.iter_mut().find(|want| want.action == action) {
        Some(want) => want.on.extend(on),
        None => wants.push(Want::stated(action, on)),
    }
}
