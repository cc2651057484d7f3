//! Markdown to HTML that is safe to set as inner HTML.
//!
//! Two independent nets: the parser's events never contain markup of the source (raw HTML is shown as the text it
//! is, links other than http, https and mailto lose their target), and the HTML made of them passes an allowlist.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use pulldown_cmark::{
    Alignment, CodeBlockKind, CowStr, Event, LinkType, Options, Parser, Tag, TagEnd, TextMergeStream, html,
};

/// Markdown beyond this many bytes is cut: nobody reads on, and a page must not grow without limit.
pub const MAX_RENDERED_BYTES: usize = 256 * 1024;
/// Containers inside containers; deeper ones are shown flat. Keeps cleaning linear in the input.
const MAX_DEPTH: usize = 32;
/// Longer addresses are not made links.
const MAX_ADDRESS_BYTES: usize = 2048;
/// Text in one piece. The cleaner's writer looks for the next mark through the whole rest of a piece, so that an
/// unbroken text of many marks would cost its length squared.
const MAX_PIECE_BYTES: usize = 2048;
/// Ends a piece of text and leaves nothing: the cleaner drops comments.
const PIECE_END: Event<'static> = Event::InlineHtml(CowStr::Borrowed("<!---->"));
/// Fields of a link that are shown to nobody.
const NO_TEXT: CowStr<'static> = CowStr::Borrowed("");

/// Renders Markdown as sanitised HTML. The only function whose result may be set as inner HTML.
///
/// Line breaks are kept, bare addresses become links, pictures become links to them, raw HTML is shown as text.
#[must_use]
pub fn markdown(source: &str) -> String {
    let kept = cut_to(source, MAX_RENDERED_BYTES);
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut rewriter = Rewriter::default();
    for event in TextMergeStream::new(Parser::new_ext(kept, options)) {
        rewriter.take(event);
    }
    let mut unclean = String::with_capacity(kept.len() + kept.len() / 2);
    html::push_html(&mut unclean, rewriter.out.into_iter());
    if kept.len() < source.len() {
        unclean.push_str("<p>…</p>");
    }
    CLEANER.clean(&unclean).to_string()
}

/// The longest beginning of at most `limit` bytes that ends between lines, or at least between characters.
fn cut_to(source: &str, limit: usize) -> &str {
    if source.len() <= limit {
        return source;
    }
    let end = source.floor_char_boundary(limit);
    let head = &source[..end];
    head.rfind('\n').filter(|line| *line > limit / 2).map_or(head, |line| &head[..line])
}

/// What closes an element that was opened.
enum Close {
    /// The element was left out; nothing to close.
    Nothing,
    /// An element the HTML writer knows.
    Tag(TagEnd),
    /// Markup of ours.
    Html(&'static str),
    /// A picture shown as a link, which needs a text: its address when nothing else was written since.
    Picture { start: usize, address: CowStr<'static> },
}

/// Turns the parser's events into events that cannot carry markup of the source.
#[derive(Default)]
struct Rewriter<'a> {
    out: Vec<Event<'a>>,
    open: Vec<Close>,
    links: usize,
    code: usize,
    /// Bytes of text since the last end of a piece.
    piece: usize,
    /// Alignments of the table under way, the column next written, and whether this is its head.
    table: Vec<Alignment>,
    column: usize,
    head: bool,
}

impl<'a> Rewriter<'a> {
    fn take(&mut self, event: Event<'a>) {
        match event {
            Event::Start(tag) => {
                let close = if self.open.len() >= MAX_DEPTH { Close::Nothing } else { self.start(tag) };
                self.open.push(close);
            }
            Event::End(_) => self.end(),
            Event::Text(text) if self.links == 0 && self.code == 0 => self.text_with_links(text),
            Event::Html(text) | Event::InlineHtml(text) => self.text_with_breaks(&text),
            Event::SoftBreak => self.out.push(Event::HardBreak),
            Event::TaskListMarker(done) => self.out.push(Event::InlineHtml(CowStr::Borrowed(if done {
                "<span class=\"task-done\">☑</span> "
            } else {
                "<span class=\"task-open\">☐</span> "
            }))),
            Event::Code(text) => {
                self.out.push(Event::InlineHtml(CowStr::Borrowed("<code>")));
                self.text(text);
                self.out.push(Event::InlineHtml(CowStr::Borrowed("</code>")));
            }
            Event::HardBreak | Event::Rule => self.out.push(event),
            // The last three are extensions that are switched off: shown as text, should one be switched on by mistake.
            Event::Text(text) | Event::InlineMath(text) | Event::DisplayMath(text) | Event::FootnoteReference(text) => {
                self.text(text)
            }
        }
    }

    fn start(&mut self, tag: Tag<'a>) -> Close {
        match tag {
            Tag::Link { dest_url, .. } => self.start_link(dest_url),
            Tag::Image { dest_url, .. } => {
                let start = self.out.len() + 1;
                let address = dest_url.clone().into_static();
                match self.start_link(dest_url) {
                    Close::Tag(TagEnd::Link) => Close::Picture { start, address },
                    other => other,
                }
            }
            Tag::HtmlBlock => self.block(Tag::Paragraph),
            Tag::Heading { level, .. } => {
                self.block(Tag::Heading { level, id: None, classes: Vec::new(), attrs: Vec::new() })
            }
            Tag::BlockQuote(_) => self.block(Tag::BlockQuote(None)),
            Tag::CodeBlock(kind) => {
                self.code += 1;
                self.tag(Tag::CodeBlock(plain_code_kind(kind)))
            }
            Tag::Table(alignments) => {
                self.table = alignments;
                self.html("<table dir=\"auto\">", "</tbody></table>")
            }
            Tag::TableHead => {
                (self.head, self.column) = (true, 0);
                self.html("<thead><tr>", "</tr></thead><tbody>")
            }
            Tag::TableRow => {
                (self.head, self.column) = (false, 0);
                self.html("<tr>", "</tr>")
            }
            Tag::TableCell => self.start_cell(),
            Tag::Paragraph | Tag::List(_) => self.block(tag),
            Tag::Item | Tag::Emphasis | Tag::Strong | Tag::Strikethrough => self.tag(tag),
            // Extensions that are switched off.
            Tag::FootnoteDefinition(_)
            | Tag::DefinitionList
            | Tag::DefinitionListTitle
            | Tag::DefinitionListDefinition
            | Tag::Superscript
            | Tag::Subscript
            | Tag::MetadataBlock(_) => Close::Nothing,
        }
    }

    fn end(&mut self) {
        match self.open.pop() {
            None | Some(Close::Nothing) => {}
            Some(Close::Html(html)) => self.out.push(Event::InlineHtml(CowStr::Borrowed(html))),
            Some(Close::Tag(end)) => {
                match end {
                    TagEnd::Link => self.links -= 1,
                    TagEnd::CodeBlock => self.code -= 1,
                    _ => {}
                }
                self.out.push(Event::End(end));
            }
            Some(Close::Picture { start, address }) => {
                if self.out.len() == start {
                    self.text(address);
                }
                self.links -= 1;
                self.out.push(Event::End(TagEnd::Link));
            }
        }
    }

    fn tag(&mut self, tag: Tag<'a>) -> Close {
        let end = tag.to_end();
        self.out.push(Event::Start(tag));
        Close::Tag(end)
    }

    /// An outermost block runs the way its first words do; what is inside follows, because a list with parts that
    /// chose for themselves could no longer be asked.
    fn block(&mut self, tag: Tag<'a>) -> Close {
        if !self.open.is_empty() {
            return self.tag(tag);
        }
        let open = match &tag {
            Tag::Paragraph => "<p dir=\"auto\">".into(),
            Tag::Heading { level, .. } => format!("<{level} dir=\"auto\">").into(),
            Tag::BlockQuote(_) => "<blockquote dir=\"auto\">\n".into(),
            Tag::List(None) => "<ul dir=\"auto\">\n".into(),
            Tag::List(Some(start)) => format!("<ol dir=\"auto\" start=\"{start}\">\n").into(),
            _ => return self.tag(tag),
        };
        self.out.push(Event::InlineHtml(open));
        Close::Tag(tag.to_end())
    }

    fn html(&mut self, open: &'static str, close: &'static str) -> Close {
        self.out.push(Event::InlineHtml(CowStr::Borrowed(open)));
        Close::Html(close)
    }

    fn start_link(&mut self, address: CowStr<'a>) -> Close {
        if self.links > 0 || !is_safe_address(&address) {
            return Close::Nothing;
        }
        self.links += 1;
        self.tag(Tag::Link { link_type: LinkType::Inline, dest_url: address, title: NO_TEXT, id: NO_TEXT })
    }

    fn start_cell(&mut self) -> Close {
        let alignment = self.table.get(self.column).copied().unwrap_or(Alignment::None);
        self.column += 1;
        let open = match (self.head, alignment) {
            (true, Alignment::None) => "<th>",
            (true, Alignment::Left) => "<th align=\"left\">",
            (true, Alignment::Center) => "<th align=\"center\">",
            (true, Alignment::Right) => "<th align=\"right\">",
            (false, Alignment::None) => "<td>",
            (false, Alignment::Left) => "<td align=\"left\">",
            (false, Alignment::Center) => "<td align=\"center\">",
            (false, Alignment::Right) => "<td align=\"right\">",
        };
        self.html(open, if self.head { "</th>" } else { "</td>" })
    }

    /// Text in pieces of bounded length.
    fn text(&mut self, text: CowStr<'a>) {
        if self.piece + text.len() <= MAX_PIECE_BYTES {
            self.piece += text.len();
            self.out.push(Event::Text(text));
            return;
        }
        let mut rest = &*text;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.floor_char_boundary(MAX_PIECE_BYTES));
            self.out.push(PIECE_END);
            self.out.push(Event::Text(piece.to_owned().into()));
            self.piece = piece.len();
            rest = after;
        }
    }

    /// Raw HTML as the text it is, its line breaks kept.
    fn text_with_breaks(&mut self, text: &str) {
        let mut lines = text.trim_end_matches(['\n', '\r']).split('\n');
        if let Some(first) = lines.next() {
            self.text(first.to_owned().into());
        }
        for line in lines {
            self.out.push(Event::HardBreak);
            self.text(line.to_owned().into());
        }
    }

    /// Text in which bare addresses become links.
    fn text_with_links(&mut self, text: CowStr<'a>) {
        let mut done = 0;
        let mut from = 0;
        while let Some(start) = text[from..].find("http").map(|at| from + at) {
            from = start + "http".len();
            let follows_word = text[..start].chars().next_back().is_some_and(char::is_alphanumeric);
            let Some(bare) = (if follows_word { None } else { bare_address(&text[start..]) }) else { continue };
            from = start + bare.length;
            if !bare.linked {
                continue;
            }
            let address = &text[start..from];
            if done < start {
                self.text(text[done..start].to_owned().into());
            }
            let dest_url: CowStr<'a> = address.to_owned().into();
            self.out.push(Event::Start(Tag::Link {
                link_type: LinkType::Autolink,
                dest_url,
                title: NO_TEXT,
                id: NO_TEXT,
            }));
            self.text(address.to_owned().into());
            self.out.push(Event::End(TagEnd::Link));
            done = from;
        }
        if done == 0 {
            self.text(text);
        } else if done < text.len() {
            self.text(text[done..].to_owned().into());
        }
    }
}

/// An address in the middle of a text.
struct Bare {
    length: usize,
    /// Too long ones stay text.
    linked: bool,
}

/// The address a text starts with, without the punctuation of the sentence around it.
fn bare_address(text: &str) -> Option<Bare> {
    const ENDS: &[char] = &[
        '<', '>', '"', '`', '|', '，', '。', '；', '：', '、', '！', '？', '（', '）', '「', '」', '『', '』', '【',
        '】',
    ];
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    if !host.starts_with(|char: char| char.is_alphanumeric() || char == '[') {
        return None;
    }
    let end =
        text.find(|char: char| char.is_whitespace() || char.is_control() || ENDS.contains(&char)).unwrap_or(text.len());
    if end > MAX_ADDRESS_BYTES {
        return Some(Bare { length: end, linked: false });
    }
    let mut address = &text[..end];
    // Counted once: a bracket belongs to the address only when it was opened inside it.
    let mut surplus = [('(', ')'), ('[', ']')].map(|(open, close)| {
        let closed = address.matches(close).count();
        (close, closed.saturating_sub(address.matches(open).count()))
    });
    while let Some(last) = address.chars().next_back() {
        let unopened = surplus.iter_mut().find(|(close, count)| *close == last && *count > 0);
        match unopened {
            Some((_, count)) => *count -= 1,
            None if ".,;:!?'*_~".contains(last) => {}
            None => break,
        }
        address = &address[..address.len() - last.len_utf8()];
    }
    Some(Bare { length: address.len(), linked: true })
}

/// Whether a link may lead there: an absolute address of a kind that runs nothing.
fn is_safe_address(address: &str) -> bool {
    let starts = |prefix: &str| address.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    let short = address.len() <= MAX_ADDRESS_BYTES;
    let known = starts("http://") || starts("https://") || starts("mailto:");
    short && known && !address.contains(|char: char| char.is_control())
}

/// Only the language of a fence is kept, and only when it is a plain word.
fn plain_code_kind(kind: CodeBlockKind<'_>) -> CodeBlockKind<'static> {
    let CodeBlockKind::Fenced(info) = kind else { return CodeBlockKind::Indented };
    let language = info.split([' ', ',', '{', '\t']).next().unwrap_or_default().to_ascii_lowercase();
    if is_language(&language) { CodeBlockKind::Fenced(language.into()) } else { CodeBlockKind::Indented }
}

fn is_language(word: &str) -> bool {
    (1..=32).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-#._".contains(&byte))
}

/// The allowlist. Whatever is not named here does not reach a page.
static CLEANER: LazyLock<ammonia::Builder<'static>> = LazyLock::new(|| {
    let tags = [
        "a",
        "blockquote",
        "br",
        "code",
        "del",
        "em",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "li",
        "ol",
        "p",
        "pre",
        "span",
        "strong",
        "table",
        "tbody",
        "td",
        "th",
        "thead",
        "tr",
        "ul",
    ];
    let align = HashMap::from([("align", HashSet::from(["left", "center", "right"]))]);
    let blocks = ["blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "ol", "p", "table", "ul"];
    let direction = blocks.map(|tag| (tag, HashMap::from([("dir", HashSet::from(["auto"]))])));
    let mut values = HashMap::from(direction);
    values.extend([("td", align.clone()), ("th", align)]);
    let mut builder = ammonia::Builder::empty();
    builder
        .tags(HashSet::from(tags))
        .tag_attributes(HashMap::from([
            ("a", HashSet::from(["href"])),
            ("code", HashSet::from(["class"])),
            ("ol", HashSet::from(["start"])),
        ]))
        .tag_attribute_values(values)
        .allowed_classes(HashMap::from([("span", HashSet::from(["task-done", "task-open"]))]))
        .attribute_filter(|element, attribute, value| match (element, attribute) {
            ("code", "class") => value.strip_prefix("language-").is_some_and(is_language).then(|| value.into()),
            ("ol", "start") => value.bytes().all(|byte| byte.is_ascii_digit()).then(|| value.into()),
            _ => Some(value.into()),
        })
        .url_schemes(HashSet::from(["http", "https", "mailto"]))
        .url_relative(ammonia::UrlRelative::Deny)
        .link_rel(Some("noopener nofollow"))
        .set_tag_attribute_value("a", "target", "_blank")
        // They scroll in themselves, and the keyboard has to get there.
        .set_tag_attribute_value("pre", "tabindex", "0")
        .set_tag_attribute_value("table", "tabindex", "0");
    builder
});
