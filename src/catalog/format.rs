//! An ARN format of the reference, such as `arn:${Partition}:s3:::${BucketName}/${ObjectName}`: it recognises ARNs and it makes them.
//!
//! Invariant: what is made holds a filled-in value only as literal text.

use std::collections::BTreeMap;

use crate::access::aws::{Arn, Segment, Text, Wildcard};

/// One element of a format's field.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    /// These characters.
    Fixed(String),
    /// A slot by its name.
    Slot(String),
    /// `*` in the reference.
    Any,
}

/// How the ARNs of a type look: partition, service, region, account, resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    fields: [Vec<Piece>; 5],
}

/// What the slots of a format stand for in one ARN.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Captures {
    /// Slot name to text.
    pub slots: BTreeMap<String, String>,
    /// How much of the ARN the format itself says: the greater, the more specific.
    pub score: usize,
}

/// What a slot is filled with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fill {
    /// Exactly this, as observed.
    Literal(String),
    /// A name that does not exist when IAM is asked, or that the record does not show.
    Any,
    /// A literal and then a suffix of this many characters that the service chose (Secrets Manager).
    Suffixed(String, usize),
}

/// What characters a slot takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Neither `/` nor `:`.
    Name,
    /// No `:`.
    Path,
    /// All.
    All,
}

impl Format {
    /// A format as the reference writes it. Text that is no format of six fields recognises nothing.
    #[must_use]
    pub fn parse(text: &str) -> Format {
        let mut parts = text.splitn(6, ':').skip(1).map(pieces);
        let mut next = || parts.next().unwrap_or_default();
        Format { fields: [next(), next(), next(), next(), next()] }
    }

    /// The names of the slots in the resource field, in order.
    pub fn slots(&self) -> impl Iterator<Item = &str> {
        let [.., resource] = &self.fields;
        resource.iter().filter_map(|piece| match piece {
            Piece::Slot(name) => Some(name.as_str()),
            Piece::Fixed(_) | Piece::Any => None,
        })
    }

    /// Whether the reference itself writes `*` in the resource field, so that slots alone do not name one resource.
    #[must_use]
    pub fn is_open(&self) -> bool {
        let [.., resource] = &self.fields;
        resource.contains(&Piece::Any)
    }

    /// What the slots stand for in `arn`; `None` where it is not of this format.
    #[must_use]
    pub fn captures(&self, arn: &str) -> Option<Captures> {
        let mut fields = arn.strip_prefix("arn:")?.splitn(5, ':');
        let mut captures = Captures::default();
        for (index, pieces) in self.fields.iter().enumerate() {
            let text = fields.next()?;
            let last = index == 4;
            if !matches(pieces, text, last, &mut captures.slots) {
                return None;
            }
            captures.score += pieces
                .iter()
                .map(|piece| match piece {
                    Piece::Fixed(fixed) => fixed.len() * 2,
                    Piece::Slot(_) | Piece::Any => 0,
                })
                .sum::<usize>();
        }
        // Among formats that say the same, the one whose slots needed no separator says more.
        let simple = captures.slots.values().all(|value| !value.contains(['/', ':']));
        captures.score += usize::from(simple);
        Some(captures)
    }

    /// The ARN with every slot filled; `None` where `fill` has no value for one, or an empty one.
    pub fn make(&self, mut fill: impl FnMut(&str) -> Option<Fill>) -> Option<Arn> {
        let mut field = |pieces: &Vec<Piece>| -> Option<Text> {
            let mut segments = Vec::new();
            for piece in pieces {
                match piece {
                    Piece::Fixed(text) => segments.push(Segment::Literal(text.clone())),
                    Piece::Any => segments.push(Segment::Wildcard(Wildcard::Any)),
                    Piece::Slot(name) => match fill(name)? {
                        Fill::Literal(text) if text.is_empty() => return None,
                        Fill::Literal(text) => segments.push(Segment::Literal(text)),
                        Fill::Any => segments.push(Segment::Wildcard(Wildcard::Any)),
                        Fill::Suffixed(text, length) => {
                            segments.push(Segment::Literal(text));
                            segments.extend(std::iter::repeat_n(Segment::Wildcard(Wildcard::One), length));
                        }
                    },
                }
            }
            Some(Text::from_segments(segments))
        };
        let [partition, service, region, account, resource] = &self.fields;
        Some(Arn {
            partition: field(partition)?,
            service: field(service)?,
            region: field(region)?,
            account: field(account)?,
            resource: field(resource)?,
        })
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("arn")?;
        for field in &self.fields {
            f.write_str(":")?;
            for piece in field {
                match piece {
                    Piece::Fixed(text) => f.write_str(text)?,
                    Piece::Slot(name) => write!(f, "${{{name}}}")?,
                    Piece::Any => f.write_str("*")?,
                }
            }
        }
        Ok(())
    }
}

fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut fixed = String::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let slot = rest.strip_prefix("${").and_then(|inner| inner.split_once('}'));
        let (piece, after) = match (slot, character) {
            (Some((name, after)), _) => (Some(Piece::Slot(name.to_owned())), after),
            (None, '*') => (Some(Piece::Any), rest.get(1..).unwrap_or_default()),
            (None, other) => {
                fixed.push(other);
                (None, rest.get(other.len_utf8()..).unwrap_or_default())
            }
        };
        if let Some(piece) = piece {
            if !fixed.is_empty() {
                pieces.push(Piece::Fixed(std::mem::take(&mut fixed)));
            }
            pieces.push(piece);
        }
        rest = after;
    }
    if !fixed.is_empty() {
        pieces.push(Piece::Fixed(fixed));
    }
    pieces
}

/// What a slot may hold. Most names are flat; paths, keys and log groups are not.
fn reach(name: &str, is_last: bool) -> Reach {
    match name {
        "ObjectName" | "LogStreamName" => Reach::All,
        "BucketName" | "TableName" | "Partition" | "Region" | "Account" => Reach::Name,
        "LogGroupName" => Reach::Path,
        _ if is_last => Reach::Path,
        _ => Reach::Name,
    }
}

fn matches(pieces: &[Piece], text: &str, in_resource: bool, slots: &mut BTreeMap<String, String>) -> bool {
    let Some((first, rest)) = pieces.split_first() else { return text.is_empty() };
    match first {
        Piece::Fixed(fixed) => text.strip_prefix(fixed.as_str()).is_some_and(|after| matches(rest, after, in_resource, slots)),
        Piece::Any => {
            rest.is_empty()
                || text.char_indices().any(|(at, _)| matches(rest, text.get(at..).unwrap_or_default(), in_resource, slots))
        }
        Piece::Slot(name) => {
            let reach = if in_resource { reach(name, rest.is_empty()) } else { Reach::Name };
            let allowed = |character: char| match reach {
                Reach::Name => character != '/' && character != ':',
                Reach::Path => character != ':',
                Reach::All => true,
            };
            let longest = text.find(|character| !allowed(character)).unwrap_or(text.len());
            let ends: Vec<usize> = match rest.first() {
                // Only where the next fixed text stands can the slot end.
                Some(Piece::Fixed(fixed)) => {
                    text.match_indices(fixed.as_str()).map(|(at, _)| at).filter(|at| *at > 0 && *at <= longest).take(64).collect()
                }
                Some(Piece::Slot(_) | Piece::Any) => vec![longest],
                None => vec![text.len()].into_iter().filter(|end| *end > 0 && *end <= longest).collect(),
            };
            ends.into_iter().any(|end| {
                let (Some(value), Some(after)) = (text.get(..end), text.get(end..)) else { return false };
                if !matches(rest, after, in_resource, slots) {
                    return false;
                }
                slots.insert(name.clone(), value.to_owned());
                true
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_recognise_their_own() {
        let object = Format::parse("arn:${Partition}:s3:::${BucketName}/${ObjectName}");
        let bucket = Format::parse("arn:${Partition}:s3:::${BucketName}");
        let captures = object.captures("arn:aws:s3:::b/k/x:y*").unwrap();
        assert_eq!(captures.slots.get("ObjectName").map(String::as_str), Some("k/x:y*"));
        assert!(bucket.captures("arn:aws:s3:::b/k").is_none());
        assert!(bucket.captures("arn:aws:s3:::b").is_some());
        let group = Format::parse("arn:${Partition}:logs:${Region}:${Account}:log-group:${LogGroupName}");
        assert!(group.captures("arn:aws:logs:r:1:log-group:/aws/lambda/f").is_some());
        assert!(group.captures("arn:aws:logs:r:1:log-group:/aws/lambda/f:log-stream:s").is_none());
        assert!(group.captures("nonsense").is_none());
        assert!(Format::parse("nonsense").captures("arn:aws:s3:::b").is_none());
    }

    #[test]
    fn formats_are_written_as_they_were_read() {
        for text in
            ["arn:${Partition}:s3:::${BucketName}/${ObjectName}", "arn:${Partition}:neptune-db:${Region}:${Account}:${Id}/*"]
        {
            assert_eq!(Format::parse(text).to_string(), text);
        }
    }

    #[test]
    fn filling_is_literal() {
        let bucket = Format::parse("arn:${Partition}:s3:::${BucketName}");
        let arn = bucket.make(|slot| Some(Fill::Literal(if slot == "Partition" { "aws".into() } else { "b*".into() }))).unwrap();
        assert_eq!(arn.to_policy(), "arn:aws:s3:::b${*}");
        assert_eq!(bucket.make(|_| None), None);
    }
}
