//! Shell text, and what is read from it.

use super::{Item, Joint, Piece, Word, read};

fn words(source: &str) -> Vec<Vec<String>> {
    let show = |word: &Word| {
        word.0
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.clone(),
                Piece::Glob(c) => c.to_string(),
                Piece::Var(name) => format!("${name}"),
                Piece::Home => "~".to_owned(),
                Piece::Sub(inner) => format!("<{inner}>"),
                Piece::Unknown => "??".to_owned(),
            })
            .collect::<String>()
    };
    let items = read(source).unwrap().into_iter();
    items
        .filter_map(|item| match item {
            Item::Command(command) => Some(command.words.iter().map(show).collect()),
            Item::Open | Item::Close => None,
        })
        .collect()
}

#[test]
fn commands_are_told_apart() {
    let cases: &[(&str, &[&[&str]])] = &[
        ("a b; c && d || e | f & g\nh", &[&["a", "b"], &["c"], &["d"], &["e"], &["f"], &["g"], &["h"]]),
        ("echo 'a;b' \"c|d $X\" e\\ f # no", &[&["echo", "a;b", "c|d $X", "e f"]]),
        ("r\"m\" -r'f' /", &[&["rm", "-rf", "/"]]),
        ("(a; b) | c", &[&["a"], &["b"], &["c"]]),
        ("x=$(curl u) bash -c \"$(cat y)\"", &[&["x=<curl u>", "bash", "-c", "<cat y>"]]),
        ("echo `a \\`b\\``", &[&["echo", "<a `b`>"]]),
        ("a 2>&1 >out </in >>x 2>/dev/null b", &[&["a", "b"]]),
        ("cat <<EOF >f\nrm -rf /\nEOF\nls", &[&["cat"], &["ls"]]),
        ("ls ~/x ~root a~b *.rs", &[&["ls", "~/x", "??root", "a~b", "*.rs"]]),
        ("echo {a,b} { c; }", &[&["echo", "??a,b}", "{", "c"], &["}"]]),
        ("echo $((1+2)) ${A} ${A:-x} $1", &[&["echo", "??", "$A", "??", "??"]]),
        ("f() { a; }", &[&["{", "a"], &["}"]]),
    ];
    for (source, expected) in cases {
        assert_eq!(words(source), *expected, "{source}");
    }
}

#[test]
fn pipes_input_and_redirects_are_kept() {
    let items = read("curl u | sh >o 2>e <<< 'hi'; bash <<-X\n\trm\n\tX\n").unwrap();
    let Item::Command(sh) = &items[1] else { panic!() };
    assert_eq!((sh.joint, sh.redirects.len(), sh.input.as_deref()), (Joint::Pipe, 2, Some("hi")));
    let Item::Command(bash) = &items[2] else { panic!() };
    assert_eq!((bash.joint, bash.input.as_deref()), (Joint::Sequence, Some("\trm\n")));
}

#[test]
fn what_is_not_closed_is_unreadable() {
    for source in ["echo 'a", "echo \"a", "echo $(a", "echo `a", "cat <<E\nx", "a\0b", &"x".repeat(70_000)] {
        assert!(read(source).is_err());
    }
}
