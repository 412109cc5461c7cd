//! Merging: actions and resources arranged in as few characters as a greedy search finds, with nothing added and nothing lost.
//!
//! What is granted is a table of actions and resources; a statement is a rectangle in it. Rows with equal resources form one
//! rectangle; from there, what two rectangles of a table share is factored out as long as that saves characters.
//!
//! Invariant: the rectangles are disjoint, and together they are exactly the table.

use std::collections::{BTreeMap, BTreeSet};

use crate::access::aws::Action;

/// Some actions, each on each of some resources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rectangle {
    pub(super) actions: BTreeSet<Action>,
    pub(super) resources: BTreeSet<String>,
}

/// Characters of a text in a list of a document, with its quotes and comma.
pub(super) fn length(text: &str) -> usize {
    serde_json::to_string(text).map_or(text.len(), |quoted| quoted.chars().count()) + 1
}

/// Above this many comparisons the table stays as its rows arrange it: a hostile log must not buy hours.
const WORK_MAX: usize = 40_000_000;

/// A rectangle by the places of its classes.
type Cell = (BTreeSet<usize>, BTreeSet<usize>);

/// Actions that are granted on the same resources, or resources that the same actions are granted on, as one with their characters.
struct Classes<T> {
    members: Vec<Vec<T>>,
    weights: Vec<usize>,
}

impl<T: Clone> Classes<T> {
    fn weight(&self, places: &BTreeSet<usize>) -> usize {
        places.iter().filter_map(|place| self.weights.get(*place)).sum()
    }

    fn members(&self, places: &BTreeSet<usize>) -> impl Iterator<Item = T> {
        places.iter().filter_map(|place| self.members.get(*place)).flatten().cloned()
    }
}

struct Table {
    actions: Classes<Action>,
    resources: Classes<String>,
    /// Characters that every statement costs.
    frame: usize,
}

/// Arranges a table. `frame` is what a statement costs beside its actions and resources.
pub(super) fn rectangles(rows: &BTreeMap<Action, BTreeSet<String>>, frame: usize) -> Vec<Rectangle> {
    // Actions that are all granted on the same resources are one rectangle; one action alone is.
    if let Some(resources) = rows.values().next().filter(|first| !first.is_empty() && rows.values().all(|other| other == *first))
    {
        return vec![Rectangle { actions: rows.keys().cloned().collect(), resources: resources.clone() }];
    }
    let (table, by_action) = Table::of(rows, frame);
    let by_resource = table.turned(&by_action);
    let mut cells = if table.cost_all(&by_resource) < table.cost_all(&by_action) { by_resource } else { by_action };
    table.factor(&mut cells);
    let mut rectangles: Vec<Rectangle> = cells
        .iter()
        .map(|(actions, resources)| Rectangle {
            actions: table.actions.members(actions).collect(),
            resources: table.resources.members(resources).collect(),
        })
        .collect();
    rectangles.sort_by(|a, b| (&a.resources, &a.actions).cmp(&(&b.resources, &b.actions)));
    rectangles
}

impl Table {
    /// The table by classes, and one rectangle for each class of actions.
    fn of(rows: &BTreeMap<Action, BTreeSet<String>>, frame: usize) -> (Table, Vec<Cell>) {
        let mut by_resources: BTreeMap<&BTreeSet<String>, Vec<Action>> = BTreeMap::new();
        for (action, resources) in rows.iter().filter(|(_, resources)| !resources.is_empty()) {
            by_resources.entry(resources).or_default().push(action.clone());
        }
        let mut granted: BTreeMap<&String, BTreeSet<usize>> = BTreeMap::new();
        for (class, resources) in by_resources.keys().enumerate() {
            for resource in resources.iter() {
                granted.entry(resource).or_default().insert(class);
            }
        }
        let mut by_classes: BTreeMap<BTreeSet<usize>, Vec<String>> = BTreeMap::new();
        for (resource, classes) in granted {
            by_classes.entry(classes).or_default().push(resource.clone());
        }
        let cells = (0..by_resources.len()).map(|class| {
            let holds = by_classes.keys().enumerate().filter(|(_, classes)| classes.contains(&class));
            (BTreeSet::from([class]), holds.map(|(place, _)| place).collect())
        });
        let cells = cells.collect();
        let weigh = |texts: &mut dyn Iterator<Item = String>| texts.map(|text| length(&text)).sum();
        let actions: Vec<Vec<Action>> = by_resources.into_values().collect();
        let resources: Vec<Vec<String>> = by_classes.into_values().collect();
        let actions = Classes {
            weights: actions.iter().map(|class| weigh(&mut class.iter().map(Action::to_string))).collect(),
            members: actions,
        };
        let resources =
            Classes { weights: resources.iter().map(|class| weigh(&mut class.iter().cloned())).collect(), members: resources };
        (Table { actions, resources, frame }, cells)
    }

    /// The same table with one rectangle for each class of resources.
    fn turned(&self, by_action: &[Cell]) -> Vec<Cell> {
        let mut turned: Vec<Cell> =
            (0..self.resources.members.len()).map(|place| (BTreeSet::new(), BTreeSet::from([place]))).collect();
        for (actions, resources) in by_action {
            for place in resources {
                if let Some((holds, _)) = turned.get_mut(*place) {
                    holds.extend(actions);
                }
            }
        }
        turned
    }

    fn cost(&self, (actions, resources): &Cell) -> usize {
        if actions.is_empty() || resources.is_empty() {
            return 0;
        }
        self.frame + self.actions.weight(actions) + self.resources.weight(resources)
    }

    fn cost_all(&self, cells: &[Cell]) -> usize {
        cells.iter().map(|cell| self.cost(cell)).sum()
    }

    /// Takes the best saving again and again; among equal ones the first.
    fn factor(&self, cells: &mut Vec<Cell>) {
        let classes = self.actions.members.len() + self.resources.members.len();
        let mut work = 0_usize;
        loop {
            work = work.saturating_add(cells.len().saturating_mul(cells.len()).saturating_mul(classes));
            if work > WORK_MAX {
                return;
            }
            let mut best: Option<(usize, usize, usize, Vec<Cell>)> = None;
            for (first, one) in cells.iter().enumerate() {
                for (second, other) in cells.iter().enumerate().skip(first + 1) {
                    if one.0.is_disjoint(&other.0) && one.1.is_disjoint(&other.1) {
                        continue;
                    }
                    let before = self.cost(one) + self.cost(other);
                    for parts in [shared_resources(one, other), shared_actions(one, other)].into_iter().flatten() {
                        let after = self.cost_all(&parts);
                        let saves = before.saturating_sub(after);
                        if saves > best.as_ref().map_or(0, |(most, ..)| *most) {
                            best = Some((saves, first, second, parts));
                        }
                    }
                }
            }
            let Some((_, first, second, parts)) = best else { return };
            cells.remove(second);
            cells.remove(first);
            cells.extend(parts.into_iter().filter(|(actions, resources)| !actions.is_empty() && !resources.is_empty()));
        }
    }
}

/// Both actions on the resources that they share, each on what remains; `None` where they share none.
fn shared_resources(one: &Cell, other: &Cell) -> Option<Vec<Cell>> {
    let shared: BTreeSet<usize> = one.1.intersection(&other.1).copied().collect();
    let rest = |cell: &Cell| (cell.0.clone(), cell.1.difference(&shared).copied().collect());
    (!shared.is_empty()).then(|| vec![(one.0.union(&other.0).copied().collect(), shared.clone()), rest(one), rest(other)])
}

/// The shared actions on the resources of both, what remains on its own.
fn shared_actions(one: &Cell, other: &Cell) -> Option<Vec<Cell>> {
    let turn = |cell: &Cell| (cell.1.clone(), cell.0.clone());
    let parts = shared_resources(&turn(one), &turn(other))?;
    Some(parts.iter().map(turn).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[(&str, &str)]) -> BTreeMap<Action, BTreeSet<String>> {
        let mut table: BTreeMap<Action, BTreeSet<String>> = BTreeMap::new();
        for (action, resource) in rows {
            table.entry(Action::parse(&format!("s:{action}")).unwrap()).or_default().insert((*resource).to_owned());
        }
        table
    }

    fn arranged(rows: &[(&str, &str)], frame: usize) -> Vec<String> {
        let spell = |one: Rectangle| {
            let actions: Vec<String> = one.actions.into_iter().map(|action| action.name).collect();
            format!("{} on {}", actions.join("+"), one.resources.into_iter().collect::<Vec<_>>().join("+"))
        };
        rectangles(&table(rows), frame).into_iter().map(spell).collect()
    }

    #[test]
    fn what_is_shared_is_written_once() {
        let (long, other) = ("r".repeat(60), "o".repeat(60));
        let rows = [("Get", long.as_str()), ("Get", &other), ("Put", &long)];
        assert_eq!(arranged(&rows, 50), [format!("Get on {other}"), format!("Get+Put on {long}")]);
        // A long action is rather written once.
        let action = "A".repeat(90);
        let rows = [(action.as_str(), "r"), (&action, "o"), ("Put", "r")];
        assert_eq!(arranged(&rows, 50), [format!("{action} on o+r"), "Put on r".to_owned()]);
        assert_eq!(arranged(&[("Get", "a"), ("Put", "b")], 50), ["Get on a", "Put on b"]);
        assert_eq!(arranged(&[("Get", "a"), ("Put", "a"), ("Get", "b"), ("Put", "b")], 50), ["Get+Put on a+b"]);
    }
}
