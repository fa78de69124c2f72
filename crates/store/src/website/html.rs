//! The little of HTML that servers write indexes of folders in.

/// What the addresses of the links in a page are, in order, if the page is an index of a folder; the error is a
/// clause.
pub(super) fn links(page: &str) -> Result<Vec<String>, &'static str> {
    // Any other page might have no link at all, and would pass for an empty folder.
    let start = page.to_ascii_lowercase();
    let title = start.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>"));
    let is_index = title.is_some_and(|(title, _)| {
        ["index of", "directory listing"].iter().any(|words| title.trim().starts_with(words))
    });
    if !is_index {
        return Err(
            "it is no index of a folder as nginx, Apache and others write it: name a list of files with `index`",
        );
    }
    let (links, is_whole) = find(page);
    // What was cut has fewer links, and nothing else tells.
    if is_whole { Ok(links) } else { Err("the index of the folder has no end: it may not be whole") }
}

/// All links, and whether the page ends behind them.
fn find(page: &str) -> (Vec<String>, bool) {
    let (mut links, mut is_whole) = (Vec::new(), false);
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        if let Some(comment) = rest.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, behind)| behind);
            continue;
        }
        let (tag, behind) = tag(rest);
        if let Some(link) = address(tag) {
            links.push(link);
            is_whole = false;
        }
        is_whole |= is_end(tag);
        rest = behind;
    }
    (links, is_whole)
}

fn is_end(tag: &str) -> bool {
    let name = tag.split(|c: char| c.is_ascii_whitespace()).next().unwrap_or(tag);
    ["/body", "/html"].iter().any(|end| name.eq_ignore_ascii_case(end))
}

/// A tag up to its `>`, which may stand in quotes before, and what comes behind it.
fn tag(text: &str) -> (&str, &str) {
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return (&text[..at], &text[at + 1..]),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), close) if open == close => quote = None,
            _ => {}
        }
    }
    (text, "")
}

/// The address of an `a` tag.
fn address(tag: &str) -> Option<String> {
    let attributes = tag.strip_prefix(['a', 'A'])?;
    let mut rest = attributes.strip_prefix(|c: char| c.is_ascii_whitespace())?;
    loop {
        rest = rest.trim_start();
        let end = rest.find(|c: char| c == '=' || c.is_ascii_whitespace())?;
        let (name, behind) = rest.split_at(end);
        let Some(value) = behind.trim_start().strip_prefix('=') else {
            rest = behind;
            continue;
        };
        let value = value.trim_start();
        let (value, behind) = match value.chars().next()? {
            quote @ ('"' | '\'') => value[1..].split_once(quote)?,
            _ => value.split_at(value.find(|c: char| c.is_ascii_whitespace()).unwrap_or(value.len())),
        };
        if name.eq_ignore_ascii_case("href") {
            return Some(unescaped(value));
        }
        rest = behind;
    }
}

fn unescaped(text: &str) -> String {
    quick_xml::escape::unescape(text).map_or_else(|_| text.to_owned(), std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_as_servers_write_them() {
        let page = r#"<html><head><title>Index of /x</title></head><body>
            <a href="?C=N;O=D">Name</a> <A class=up HREF='../'>..</A><!-- <a href="no"> --><abbr href="no">
            <a href="a%20b">a &gt; b</a><a title="x>y" href="c&amp;d&#39;e/">c</a><a href=plain>p</a><a name="n"></Body ></html>"#;
        assert_eq!(links(page).unwrap(), ["?C=N;O=D", "../", "a%20b", "c&d'e/", "plain"]);
        assert!(links("<title>Welcome</title><a href=\"a\"></body>").is_err());
        assert!(links("{}").is_err());
    }

    #[test]
    fn a_page_that_is_cut_is_none() {
        let page = "<title>Index of /</title><!-- </html> --><a href=\"a\">a</a><a href=\"b\">b</a>\n</body></html>\n";
        let end = page.find("</body").unwrap() + "</body".len();
        for cut in 0..page.len() {
            assert_eq!(links(&page[..cut]).is_ok(), cut >= end, "{}", &page[..cut]);
        }
        // A page that is put before the index ends as well.
        assert!(links("<title>Index of /</title></body></html><a href=\"a\">a</a>").is_err());
    }
}
