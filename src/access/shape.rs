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
    /// A date, `YYYY-MM-DD`.
    Date,
}

impl Shape {
    /// The class in a person's words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Shape::Uuid => "uuid",
            Shape::Hash => "hash",
            Shape::Number => "number",
            Shape::Date => "date",
        }
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
        if lengths == [4, 2, 2] && groups.iter().all(|group| digits(group)) {
            return Some(Shape::Date);
        }
        if word.len() >= 10 && digits(word) {
            return Some(Shape::Number);
        }
        let mixed = word.bytes().any(|byte| byte.is_ascii_digit()) && word.bytes().any(|byte| byte.is_ascii_alphabetic());
        (word.len() >= 12 && hex(word) && mixed).then_some(Shape::Hash)
    }
}

/// The characters that Kubernetes' name generator uses: no vowels, no 0, 1, 3.
/// <https://github.com/kubernetes/apimachinery/blob/master/pkg/util/rand/rand.go>
const KUBE_ALPHABET: &str = "bcdfghjklmnpqrstvwxz2456789";

/// The stem of a name that Kubernetes generated: `web-` of `web-7d4b9c6f5d-x2x7k` or `job-28412345-abcde`. `None` where nothing was generated.
#[must_use]
pub fn kube_stem(name: &str) -> Option<&str> {
    let generated = |word: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&word.len()) && word.chars().all(|character| KUBE_ALPHABET.contains(character))
    };
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
        for chosen in ["orders", "deadbeef", "web-01", "2026", "facade"] {
            assert_eq!(Shape::of(chosen), None, "{chosen}");
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
