//! Text for people: Markdown to safe HTML, excerpts, secrets blacked out.

/// Renders Markdown as sanitised HTML. The only function whose result may be set as inner HTML.
#[must_use]
pub fn markdown(source: &str) -> String {
    let _ = source;
    unimplemented!()
}

/// The first line, at most `max` characters, with an ellipsis when something was cut.
#[must_use]
pub fn excerpt(source: &str, max: usize) -> String {
    let _ = (source, max);
    unimplemented!()
}

/// Blacks out what looks like a key or token.
#[must_use]
pub fn redact(source: &str) -> String {
    let _ = source;
    unimplemented!()
}
