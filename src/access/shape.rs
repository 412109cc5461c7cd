//! Classes of generated names: the parts of a name that a machine chose and that will differ in production.

/// A class of generated text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shape {
    /// 8-4-4-4-12 hexadecimal digits.
    Uuid,
    /// At least twelve hexadecimal digits with a letter and a digit among them.
    Hash,
    /// At least ten decimal digits: a time or a counter.
    Number,
    /// A day, perhaps with a time: `2026-11-21`, `2026/11/21/08`, `20261121T080000Z`, `2026/month=11/day=21`.
    Date,
    /// What follows the type in an id that EC2 and its like give: `0123456789abcdef0` of `i-0123456789abcdef0`.
    ResourceId,
    /// Twelve or thirteen upper-case letters and digits, as CloudFormation ends physical names, or a ULID.
    StackSuffix,
    /// The two words at the end of a pod's name: `7d9f8b6c5d-x2x4z`.
    PodSuffix,
    /// Up to nine decimal digits. A person may have chosen it.
    Counter,
    /// Lower-case letters and digits in turn, at least eight: base32 or base36. A person may have chosen it.
    Base36,
    /// Letters of both cases and digits in turn, at least ten: base62. A person may have chosen it.
    Base62,
}

impl Shape {
    /// The class in a person's words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Shape::Uuid => "uuid",
            Shape::Hash => "hash",
            Shape::Number | Shape::Counter => "number",
            Shape::Date => "date",
            Shape::ResourceId => "resource id",
            Shape::StackSuffix => "stack suffix",
            Shape::PodSuffix => "pod suffix",
            Shape::Base36 | Shape::Base62 => "random id",
        }
    }

    /// Whether nothing but a machine makes such text: a few names are enough to tell.
    #[must_use]
    pub const fn is_sure(self) -> bool {
        !matches!(self, Shape::Counter | Shape::Base36 | Shape::Base62)
    }

    /// The class of a whole word (one name between delimiters); `None` where it looks chosen by a person.
    #[must_use]
    pub fn of(word: &str) -> Option<Shape> {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let groups: Vec<&str> = word.split('-').collect();
        let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
        if lengths == [8, 4, 4, 4, 12] && groups.iter().all(|group| hex(group)) {
            return Some(Shape::Uuid);
        }
        if date_length(word) == Some(word.len()) {
            return Some(Shape::Date);
        }
        if word.len() >= 10 && digits(word) {
            return Some(Shape::Number);
        }
        let mixed = word.bytes().any(|byte| byte.is_ascii_digit()) && word.bytes().any(|byte| byte.is_ascii_alphabetic());
        if word.len() >= 12 && hex(word) && mixed {
            return Some(Shape::Hash);
        }
        let upper = word.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        (matches!(word.len(), 12 | 13 | 26) && upper && mixed).then_some(Shape::StackSuffix)
    }

    /// The class of a word that a person may have chosen too: only a set of siblings tells. `None` where it looks chosen.
    #[must_use]
    pub fn perhaps(word: &str) -> Option<Shape> {
        let kind = |byte: u8| (byte.is_ascii_digit(), byte.is_ascii_uppercase());
        let turns = word.bytes().zip(word.bytes().skip(1)).filter(|(one, next)| kind(*one) != kind(*next)).count();
        let all = |wanted: fn(&u8) -> bool| !word.is_empty() && word.bytes().all(|byte| wanted(&byte));
        let digit = word.bytes().any(|byte| byte.is_ascii_digit());
        if all(u8::is_ascii_digit) {
            Some(Shape::Counter)
        } else if word.len() >= 8 && digit && turns >= 3 && all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
            Some(Shape::Base36)
        } else if word.len() >= 10 && 2 * turns >= word.len() && all(u8::is_ascii_alphanumeric) {
            Some(Shape::Base62)
        } else {
            None
        }
    }
}

/// How days and times are written; `#` is a digit. The longest comes first.
const DATES: &[&str] = &[
    "####/month=##/day=##/hour=##",
    "####-##-##T##:##:##.###Z",
    "####/month=##/day=##",
    "####-##-##T##:##:##Z",
    "####-##-##T##:##:##",
    "####-##-##T##-##-##",
    "####-##-##-##-##-##",
    "####-##-##_##-##-##",
    "########T######Z",
    "########-######",
    "########_######",
    "########T######",
    "########T####Z",
    "##############",
    "####/##/##/##",
    "####-##-##-##",
    "####/##/##",
    "####-##-##",
    "####_##_##",
    "########",
];

/// How much of a text is a day or a time, where one stands at its beginning as a whole word.
#[must_use]
pub fn date_length(text: &str) -> Option<usize> {
    // Every form begins with a year; most words do not, and names have many words.
    if !text.bytes().take(4).all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fits = |form: &str| {
        let part = text.get(..form.len())?;
        let same = |(wanted, found): (u8, u8)| if wanted == b'#' { found.is_ascii_digit() } else { wanted == found };
        if !form.bytes().zip(part.bytes()).all(same) {
            return None;
        }
        let ends = text.get(form.len()..)?.chars().next().is_none_or(|next| !next.is_ascii_alphanumeric());
        let digits: String = part.chars().filter(char::is_ascii_digit).collect();
        let number = |range| digits.get(range).and_then(|text: &str| text.parse::<u32>().ok()).unwrap_or_default();
        let is_day = (1970..2100).contains(&number(0..4)) && (1..=12).contains(&number(4..6)) && (1..=31).contains(&number(6..8));
        let is_time = digits.len() < 10 || number(8..10) < 24;
        (ends && is_day && is_time).then_some(form.len())
    };
    DATES.iter().find_map(|form| fits(form))
}

/// Types before a dash in the ids of EC2 and its like.
const ID_TYPES: &[&str] = &[
    "acl", "ami", "bgw", "cgw", "dopt", "eigw", "eipalloc", "eni", "fs", "fsap", "fsmt", "i", "igw", "lt", "nat", "pcx", "r",
    "rtb", "rtbassoc", "sg", "sgr", "snap", "subnet", "tgw", "vgw", "vol", "vpc", "vpce", "vpn",
];

/// Cuts a name into words of letters and digits, and the characters between them; a generated word carries its class. A UUID, a
/// date and a pod's suffix are one word in spite of what stands inside them; twelve digits are an account, never generated.
#[must_use]
pub fn words(name: &str) -> Vec<(&str, Option<Shape>)> {
    let mut words: Vec<(&str, Option<Shape>)> = Vec::new();
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let (length, shape) = if first.is_ascii_alphanumeric() { word(rest, &words) } else { (first.len_utf8(), None) };
        let Some((text, after)) = rest.split_at_checked(length) else { break };
        words.push((text, shape));
        rest = after;
    }
    words
}

fn word(text: &str, before: &[(&str, Option<Shape>)]) -> (usize, Option<Shape>) {
    let run = |text: &str| text.find(|character: char| !character.is_ascii_alphanumeric()).unwrap_or(text.len());
    let ends = |length: usize| text.get(length..).is_some_and(|after| run(after) == 0);
    if text.get(..36).is_some_and(|word| Shape::of(word) == Some(Shape::Uuid)) && ends(36) {
        return (36, Some(Shape::Uuid));
    }
    if let Some(length) = date_length(text) {
        return (length, Some(Shape::Date));
    }
    let length = run(text);
    let whole = text.get(..length).unwrap_or_default();
    let is_account = length == 12 && whole.bytes().all(|byte| byte.is_ascii_digit());
    if is_account {
        return (length, None);
    }
    let is_id = matches!(length, 8 | 17) && whole.bytes().all(|byte| byte.is_ascii_hexdigit());
    if let [.., (kind, _), ("-", _)] = before
        && is_id
        && ID_TYPES.contains(kind)
    {
        return (length, Some(Shape::ResourceId));
    }
    if let [.., ("-", _)] = before
        && is_pod_word(whole, 8..=10)
        && let Some(next) = text.get(length..).and_then(|after| after.strip_prefix('-'))
        && is_pod_word(next.get(..run(next)).unwrap_or_default(), 5..=5)
    {
        return (length + 6, Some(Shape::PodSuffix));
    }
    (length, Shape::of(whole))
}

/// The characters that Kubernetes' name generator uses: no vowels, no 0, 1, 3.
/// <https://github.com/kubernetes/apimachinery/blob/master/pkg/util/rand/rand.go>
const KUBE_ALPHABET: &str = "bcdfghjklmnpqrstvwxz2456789";

fn is_pod_word(word: &str, lengths: std::ops::RangeInclusive<usize>) -> bool {
    lengths.contains(&word.len()) && word.chars().all(|character| KUBE_ALPHABET.contains(character))
}

/// The stem of a name that Kubernetes generated: `web-` of `web-7d4b9c6f5d-x2x7k` or `job-28412345-abcde`. `None` where nothing was generated.
#[must_use]
pub fn kube_stem(name: &str) -> Option<&str> {
    let generated = is_pod_word;
    let (front, last) = name.rsplit_once('-')?;
    if !generated(last, 5..=5) {
        return None;
    }
    let stem = match front.rsplit_once('-') {
        Some((stem, middle))
            if generated(middle, 8..=10) || (middle.len() >= 8 && middle.bytes().all(|byte| byte.is_ascii_digit())) =>
        {
            stem
        }
        _ => front,
    };
    name.get(..=stem.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_classed() {
        assert_eq!(Shape::of("6e77e2c0-59b8-4937-a623-c22420a862dc"), Some(Shape::Uuid));
        assert_eq!(Shape::of("2026-11-21"), Some(Shape::Date));
        assert_eq!(Shape::of("1700000000"), Some(Shape::Number));
        assert_eq!(Shape::of("9f86d081884c7d65"), Some(Shape::Hash));
        assert_eq!(Shape::of("20261121T080000Z"), Some(Shape::Date));
        assert_eq!(Shape::of("1ABCDEFGHIJKL"), Some(Shape::StackSuffix));
        assert_eq!(Shape::of("01ARZ3NDEKTSV4RRFFQ69G5FAV"), Some(Shape::StackSuffix));
        for (word, shape) in
            [("7", Some(Shape::Counter)), ("x7k2m9q4", Some(Shape::Base36)), ("aB3dE9fGhJ2k", Some(Shape::Base62))]
        {
            assert_eq!(Shape::perhaps(word), shape, "{word}");
        }
        for chosen in ["orders", "web2", "OrdersV2Handler", "OrdersHandlerFunction", "v1", "eu1", "queue12of"] {
            assert_eq!(Shape::perhaps(chosen), None, "{chosen}");
        }
        for chosen in ["orders", "20261321", "202611211", "deadbeef", "web-01", "2026", "facade"] {
            assert_eq!(Shape::of(chosen), None, "{chosen}");
        }
    }

    #[test]
    fn names_are_cut_at_what_a_machine_chose() {
        let shapes = |name: &str| -> Vec<String> {
            words(name).into_iter().filter_map(|(word, shape)| Some(format!("{word} {}", shape?.name()))).collect()
        };
        for (name, expected) in [
            ("logs/2026/11/21/08/x.gz", vec!["2026/11/21/08 date"]),
            ("t/year=2026/month=11/day=21/part-0", vec!["2026/month=11/day=21 date"]),
            ("t/dt=2026-11-21/a", vec!["2026-11-21 date"]),
            (
                "111122223333_CloudTrail_20261121T0805Z_0a1b2c3d4e5f6071.json",
                vec!["20261121T0805Z date", "0a1b2c3d4e5f6071 hash"],
            ),
            ("web-7d9f8b6c5d-x2x4z", vec!["7d9f8b6c5d-x2x4z pod suffix"]),
            ("ssm/i-0abc1234def567890/out", vec!["0abc1234def567890 resource id"]),
            ("vol-1a2b3c4d", vec!["1a2b3c4d resource id"]),
            ("Shop-Table-1ABCDEFGHIJKL", vec!["1ABCDEFGHIJKL stack suffix"]),
            ("web-deadbeef", vec![]),
            ("jobs-111122223333", vec![]),
            ("2026x", vec![]),
        ] {
            assert_eq!(shapes(name), expected, "{name}");
        }
    }

    #[test]
    fn generated_suffixes_end_at_the_dash() {
        assert_eq!(kube_stem("web-7d4b9c6f5d-x2x7k"), Some("web-"));
        assert_eq!(kube_stem("job-28412345-bcdfg"), Some("job-"));
        assert_eq!(kube_stem("fluentd-x2x7k"), Some("fluentd-"));
        assert_eq!(kube_stem("web-0"), None);
        assert_eq!(kube_stem("orders-cache"), None);
    }
}
