//! Where to go after signing in: only ever to a page of this app.

/// Where people go who wanted nothing in particular.
const HOME: &str = "/";

/// The wanted address if it is a path on this origin, else the front door. Browsers drop tabs and line breaks from
/// addresses and read `\` as `/`, so either could turn a path into another site.
pub(super) fn safe_next(wanted: &str) -> String {
    let mut bytes = wanted.bytes();
    let is_path = bytes.next() == Some(b'/') && !matches!(bytes.next(), Some(b'/'));
    let is_plain = !wanted.chars().any(|char| char.is_control() || char == '\\');
    let is_door = ["/login", "/setup"].iter().any(|door| wanted.starts_with(door));
    if is_path && is_plain && !is_door { wanted.to_owned() } else { HOME.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::safe_next;

    #[test]
    fn only_paths_of_this_app_are_followed() {
        for fine in ["/", "/board", "/d/0197?x=1&y=//e", "/card/1#run"] {
            assert_eq!(safe_next(fine), fine);
        }
        for foul in [
            "",
            "board",
            "//evil.example",
            "/\\evil.example",
            "\\/evil",
            "https://evil.example",
            "javascript:alert(1)",
            "/\t/evil.example",
            "/a\n//evil",
            "/login?next=/login",
        ] {
            assert_eq!(safe_next(foul), "/", "{foul:?}");
        }
    }
}
