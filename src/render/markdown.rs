//! Markdown's one home for escaping: hostile text becomes an inert code span on one line.

/// Longest text shown; the rest is cut and said.
const TEXT_CHARS_MAX: usize = 480;

/// A code span that nothing inside can end: control characters are shown as symbols, the fence is longer than any run of
/// backticks inside, and `|` cannot end a table's cell. <https://spec.commonmark.org/0.31.2/#code-spans>
/// Behind a backslash it is shown as `\u{7c}`: readers of tables do not agree whether two backslashes and a `|` end a cell.
#[must_use]
pub fn code(text: &str) -> String {
    let shown = one_line(text);
    let mut longest = 0;
    let mut run = 0;
    for character in shown.chars() {
        run = if character == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let fence = "`".repeat(longest + 1);
    let pad = if shown.starts_with('`') || shown.ends_with('`') || shown.is_empty() { " " } else { "" };
    format!("{fence}{pad}{}{pad}{fence}", shown.replace("\\|", "\\\\u{7c}").replace('|', "\\|"))
}

/// Plain words of ours that may hold hostile parts: every character that Markdown or HTML could read is escaped.
/// <https://spec.commonmark.org/0.31.2/#backslash-escapes>
#[must_use]
pub fn words(text: &str) -> String {
    let mut out = String::new();
    for character in one_line(text).chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '@' => out.push_str("&#64;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '!' | '|' | '~' | '$' => {
                out.push('\\');
                out.push(character);
            }
            other => out.push(other),
        }
    }
    // A bare address would become a link; spelled so, no renderer sees one.
    out.replace("://", "&#58;//").replace("www.", "www&#46;")
}

/// A fenced block that nothing inside can end.
/// <https://spec.commonmark.org/0.31.2/#fenced-code-blocks>
#[must_use]
pub fn block(language: &str, text: &str) -> String {
    let longest = text.split(|character| character != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    let shown: String = text.chars().filter(|character| *character == '\n' || !is_hidden(*character)).collect();
    format!("{fence}{language}\n{}\n{fence}", shown.trim_end())
}

/// A number with its noun: `1 hole`, `2 holes`.
#[must_use]
pub fn count(number: impl TryInto<u64>, noun: &str) -> String {
    match number.try_into().unwrap_or(u64::MAX) {
        1 => format!("1 {noun}"),
        many => format!("{many} {noun}s"),
    }
}

/// One line of visible characters: control and direction-changing characters are shown as `\u{..}`, long text is cut.
#[must_use]
pub fn one_line(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars().take(TEXT_CHARS_MAX) {
        if is_hidden(character) { out.extend(character.escape_unicode()) } else { out.push(character) }
    }
    if text.chars().nth(TEXT_CHARS_MAX).is_some() {
        out.push('…');
    }
    out
}

/// Characters that a terminal or a renderer acts on instead of showing.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_code_span() {
        assert_eq!(code("a`b``c"), "```a`b``c```");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(code("a|b\n# c"), "`a\\|b\\u{a}# c`");
        assert_eq!(code("\u{202e}x"), "`\\u{202e}x`");
        assert_eq!(code("a\\|b"), "`a\\\\u{7c}b`");
        assert!(code(&"x".repeat(1 << 20)).len() < TEXT_CHARS_MAX + 60);
        assert_eq!(block("json", "a\n```\nb\n"), "````json\na\n```\nb\n````");
    }

    #[test]
    fn words_stay_words() {
        assert_eq!(words("a <b> [c](d)"), "a &lt;b&gt; \\[c\\]\\(d\\)");
    }
}
