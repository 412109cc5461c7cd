//! The operation map of iam-dataset (`map.json`): for each SDK method the actions, and where its parameters name resources.
//! <https://github.com/iann0036/iam-dataset>
//!
//! Invariant: a template is read for the parameters that it names, never run.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::CurateError;
use super::package::read_bytes;
use crate::catalog::Source;
use crate::catalog::operation::normal_name;

/// The map, by service and method as [`normal_name`] writes them.
#[derive(Debug)]
pub(super) struct OperationMap {
    pub(super) source: Source,
    /// By the SDK's name of the service and the operation.
    methods: BTreeMap<(String, String), Vec<Row>>,
    /// The SDK's names of the services of an IAM prefix.
    services: BTreeMap<String, Vec<String>>,
}

/// One action of a method.
#[derive(Debug)]
pub(super) struct Row {
    /// `service:Name`, as the map writes it.
    pub(super) action: String,
    /// Slot, and the parameter that holds its text.
    pub(super) slots: Vec<(String, Vec<String>)>,
    /// Resource type, and the parameter that holds its ARN.
    pub(super) arns: Vec<(String, Vec<String>)>,
    /// Parameters that hold the ARN of whatever type the action has.
    pub(super) whole: Vec<Vec<String>>,
}

#[derive(Deserialize)]
struct File {
    sdk_method_iam_mappings: BTreeMap<String, Vec<FileRow>>,
    #[serde(default)]
    sdk_service_mappings: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct FileRow {
    action: String,
    #[serde(default)]
    resource_mappings: BTreeMap<String, Template>,
    #[serde(default)]
    resourcearn_mappings: BTreeMap<String, TemplateText>,
    #[serde(default)]
    arn_override: Option<Template>,
}

#[derive(Deserialize)]
struct Template {
    #[serde(default)]
    template: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum TemplateText {
    Text(String),
    Template(Template),
}

impl OperationMap {
    /// What the map says of an operation; empty where it does not know it. The map names services as an SDK did (`StepFunctions`), which is
    /// not always the model's id (`SFN`): then by the prefix.
    pub(super) fn rows(&self, service_id: &str, prefix: &str, operation: &str) -> &[Row] {
        let operation = normal_name(operation);
        let of = |service: &str| self.methods.get(&(service.to_owned(), operation.clone()));
        let by_prefix = || self.services.get(prefix)?.iter().find_map(|service| of(service));
        of(&normal_name(service_id)).or_else(by_prefix).map_or(&[], Vec::as_slice)
    }
}

pub(super) fn read(path: &Path) -> Result<OperationMap, CurateError> {
    let bytes = read_bytes(path)?;
    let file: File = serde_json::from_slice(&bytes).map_err(|source| CurateError::Shape { path: path.to_owned(), source })?;
    let mut methods = BTreeMap::new();
    let mut services: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (method, rows) in file.sdk_method_iam_mappings {
        let Some((service, operation)) = method.split_once('.') else { continue };
        let prefix = file.sdk_service_mappings.get(service).cloned().unwrap_or_else(|| service.to_ascii_lowercase());
        let names = services.entry(prefix).or_default();
        if !names.contains(&normal_name(service)) {
            names.push(normal_name(service));
        }
        methods.insert((normal_name(service), normal_name(operation)), rows.into_iter().map(Row::from).collect());
    }
    let source = Source {
        name: "iam-dataset map.json".to_owned(),
        version: version(path, &bytes),
        licence: "MIT".to_owned(),
        home: "https://github.com/iann0036/iam-dataset".to_owned(),
    };
    Ok(OperationMap { source, methods, services })
}

/// The map carries no version: the date in its file name, else a digest.
fn version(path: &Path, bytes: &[u8]) -> String {
    let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let dated = name.get(name.len().saturating_sub(10)..).filter(|date| {
        date.bytes().enumerate().all(|(at, byte)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() })
    });
    dated.map_or_else(|| blake3::hash(bytes).to_hex().chars().take(12).collect(), str::to_owned)
}

impl From<FileRow> for Row {
    fn from(row: FileRow) -> Self {
        let each =
            |slot: String, template: &str| paths(template).into_iter().map(move |path| (slot.clone(), path)).collect::<Vec<_>>();
        let arns = row.resourcearn_mappings.into_iter().flat_map(|(kind, template)| match template {
            TemplateText::Text(text) | TemplateText::Template(Template { template: text }) => each(kind, &text),
        });
        Row {
            action: row.action,
            slots: row.resource_mappings.into_iter().flat_map(|(slot, template)| each(slot, &template.template)).collect(),
            arns: arns.collect(),
            whole: row.arn_override.map_or_else(Vec::new, |template| paths(&template.template)),
        }
    }
}

/// The parameters that a template takes its text from: those of `${A.B[]}` that are no place. A template that puts several
/// together says of none what it is, unless it lists them with `%%many%`.
fn paths(template: &str) -> Vec<Vec<String>> {
    let mut paths: Vec<Vec<String>> = Vec::new();
    let then = template.strip_prefix("%%iftruthy%").and_then(|rest| rest.split_once('}'));
    if then.is_some_and(|(_, then)| then.starts_with("%*%")) {
        // Where the parameter is there at all, anything is meant.
        return paths;
    }
    for part in template.split("${").skip(1) {
        let Some((name, _)) = part.split_once('}') else { continue };
        if ["Partition", "Region", "Account"].contains(&name) {
            continue;
        }
        let mut path = Vec::new();
        for step in name.split('.') {
            path.push(step.trim_end_matches("[]").to_owned());
            if step.ends_with("[]") {
                path.push("[]".to_owned());
            }
        }
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    if paths.len() > 1 && !template.starts_with("%%many%") { Vec::new() } else { paths }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_name_their_parameters() {
        let named = |template: &str| paths(template).iter().map(|path| path.join(".")).collect::<Vec<_>>().join(" ");
        for (template, expected) in [
            ("${TableName}", "TableName"),
            ("*", ""),
            ("${NetworkInterfaces[].SubnetId}", "NetworkInterfaces.[].SubnetId"),
            ("%%regex%${QueueUrl}%/^.+\\/(.+?)$/g%%", "QueueUrl"),
            ("%%many%${A}%${B[]}%%", "A B.[]"),
            ("%%iftruthy%${Role.Arn}%${Role.Arn}%*%%", "Role.Arn"),
            ("%%iftruthy%${ElasticGpuSpecification[].Type}%*%%%", ""),
            ("arn:${Partition}:iam::${Account}:role/${Role}", "Role"),
            ("arn:${Partition}:events:${Region}:${Account}:rule/${Bus}/${Name}", ""),
            ("${broken", ""),
        ] {
            assert_eq!(named(template), expected, "{template}");
        }
    }

    #[test]
    fn the_date_in_a_name_is_the_version() {
        assert_eq!(version(Path::new("x/iam-dataset-map-2022-08-19.json"), b""), "2022-08-19");
        assert_eq!(version(Path::new("map.json"), b"").len(), 12);
    }
}
