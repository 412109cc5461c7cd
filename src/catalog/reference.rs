//! The action reference of one service: its actions, resource types and ARN formats, as AWS's authorization reference lists them.

use std::collections::BTreeMap;

use super::format::Format;

/// What an action does, as AWS classes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AccessLevel {
    /// Names what exists.
    List,
    /// Reads contents.
    Read,
    /// Changes.
    Write,
    /// Changes tags.
    Tagging,
    /// Changes who may do what.
    PermissionsManagement,
    /// The reference says something else.
    Unknown,
}

impl AccessLevel {
    /// As the action reference writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            AccessLevel::List => "List",
            AccessLevel::Read => "Read",
            AccessLevel::Write => "Write",
            AccessLevel::Tagging => "Tagging",
            AccessLevel::PermissionsManagement => "Permissions management",
            AccessLevel::Unknown => "Unknown",
        }
    }
}

/// A resource type that an action can be restricted to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeUse {
    /// The type's name in its service.
    pub name: String,
    /// Whether the reference marks it as required.
    pub required: bool,
}

/// An action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionDefinition {
    /// The name in its exact case.
    pub name: String,
    /// What it does.
    pub access: AccessLevel,
    /// Resource types, in the reference's order; empty means no resource level.
    pub types: Vec<TypeUse>,
    /// Other actions that doing this needs.
    pub dependent: Vec<String>,
    /// Condition keys of the action and of its types.
    pub condition_keys: Vec<String>,
}

/// A resource type of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceType {
    /// Its name, such as `bucket`.
    pub name: String,
    /// How its ARNs look.
    pub format: Format,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Service {
    actions: BTreeMap<String, ActionDefinition>,
    types: Vec<ResourceType>,
}

impl Service {
    /// Reads the lines of one service; their shape was checked when the catalog was read.
    pub(super) fn parse(lines: &str) -> Service {
        let mut service = Service::default();
        for line in lines.lines() {
            let fields: Vec<&str> = line.split('\t').collect();
            match fields.as_slice() {
                ["type", name, arn] => {
                    service.types.push(ResourceType { name: (*name).to_owned(), format: Format::parse(arn) });
                }
                ["action", name, access, types, dependent, keys] => {
                    let definition = ActionDefinition {
                        name: (*name).to_owned(),
                        access: access_level(access),
                        types: list(types)
                            .map(|used| TypeUse {
                                name: used.strip_suffix('*').unwrap_or(used).to_owned(),
                                required: used.ends_with('*'),
                            })
                            .collect(),
                        dependent: list(dependent).map(str::to_owned).collect(),
                        condition_keys: list(keys).map(str::to_owned).collect(),
                    };
                    service.actions.insert(name.to_ascii_lowercase(), definition);
                }
                _ => {}
            }
        }
        service
    }

    /// An action by its name in any case.
    #[must_use]
    pub fn action(&self, name: &str) -> Option<&ActionDefinition> {
        self.actions.get(&name.to_ascii_lowercase())
    }

    /// Every action, by lower-case name.
    pub fn actions(&self) -> impl Iterator<Item = &ActionDefinition> {
        self.actions.values()
    }

    /// A resource type by its name.
    #[must_use]
    pub fn resource_type(&self, name: &str) -> Option<&ResourceType> {
        self.types.iter().find(|resource_type| resource_type.name == name)
    }

    /// Every resource type.
    #[must_use]
    pub fn types(&self) -> &[ResourceType] {
        &self.types
    }

    /// The names of the types that an ARN is of: those whose format says most about it, several where they say the same.
    /// Empty where it is of none.
    #[must_use]
    pub fn types_of(&self, arn: &str) -> Vec<&ResourceType> {
        let scored: Vec<(usize, &ResourceType)> = self
            .types
            .iter()
            .filter_map(|resource_type| Some((resource_type.format.captures(arn)?.score, resource_type)))
            .collect();
        let best = scored.iter().map(|(score, _)| *score).max();
        scored.into_iter().filter(|(score, _)| Some(*score) == best).map(|(_, resource_type)| resource_type).collect()
    }
}

fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split('|').filter(|part| !part.is_empty())
}

/// The reference writes `Tagging, Write` and `Permissions management, Write`: the narrower class counts.
fn access_level(text: &str) -> AccessLevel {
    match text.split(',').next().unwrap_or_default().trim() {
        "List" => AccessLevel::List,
        "Read" => AccessLevel::Read,
        "Write" => AccessLevel::Write,
        "Tagging" => AccessLevel::Tagging,
        "Permissions management" => AccessLevel::PermissionsManagement,
        _ => AccessLevel::Unknown,
    }
}
