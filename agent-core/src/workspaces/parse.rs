//! Reads what git prints about changes. Pure, and never fails: what it does not understand is left out.

use std::collections::HashMap;

use protocol::{ChangedFile, DiffHunk, DiffLine, FileDiff, FileStatus, MAX_DIFF_LINES};

/// Longest line that is shown, in characters.
const MAX_LINE_CHARS: usize = 2_000;

/// The answer of `git diff --raw --numstat -z`.
pub(super) fn files(bytes: &[u8]) -> Vec<ChangedFile> {
    let mut fields = bytes.split(|byte| *byte == 0).map(|field| String::from_utf8_lossy(field).into_owned());
    let mut files: Vec<ChangedFile> = Vec::new();
    let mut place: HashMap<String, usize> = HashMap::new();
    while let Some(field) = fields.next() {
        if let Some(raw) = field.strip_prefix(':') {
            let Some(mut file) = raw_record(raw) else { continue };
            let Some(path) = fields.next() else { break };
            if file.status == FileStatus::Renamed {
                let Some(now) = fields.next() else { break };
                file.old_path = Some(path);
                file.path = now;
            } else {
                file.path = path;
            }
            place.insert(file.path.clone(), files.len());
            files.push(file);
            continue;
        }
        let mut counts = field.splitn(3, '\t');
        let (Some(added), Some(removed), Some(path)) = (counts.next(), counts.next(), counts.next()) else { continue };
        let path = if path.is_empty() {
            // A renamed file: its old and its new path follow.
            fields.next();
            match fields.next() {
                Some(path) => path,
                None => break,
            }
        } else {
            path.to_owned()
        };
        if let Some(file) = place.get(&path).and_then(|at| files.get_mut(*at)) {
            file.binary = added == "-";
            file.added = added.parse().unwrap_or(0);
            file.removed = removed.parse().unwrap_or(0);
            if file.status == FileStatus::Modified && !file.binary && file.added == 0 && file.removed == 0 {
                file.status = FileStatus::Mode;
            }
        }
    }
    files
}

/// `100644 100644 bcd1234 0123456 M` without its colon.
fn raw_record(raw: &str) -> Option<ChangedFile> {
    let mut words = raw.split(' ');
    let (_old_mode, _new_mode, _old) = (words.next()?, words.next()?, words.next()?);
    let (new, status) = (words.next()?, words.next()?);
    let status = match status.chars().next()? {
        'A' => FileStatus::Added,
        'D' => FileStatus::Deleted,
        'R' => FileStatus::Renamed,
        'T' => FileStatus::Mode,
        _ => FileStatus::Modified,
    };
    // Not yet in the repository: whoever calls makes a version of its own.
    let known = new.bytes().any(|byte| byte != b'0');
    Some(ChangedFile {
        path: String::new(),
        old_path: None,
        status,
        added: 0,
        removed: 0,
        binary: false,
        version: if known { new.chars().take(12).collect() } else { String::new() },
    })
}

/// The answer of `git diff` about one file. `cut` says that there was more than was read.
pub(super) fn diff(bytes: &[u8], cut: bool) -> FileDiff {
    let text = String::from_utf8_lossy(bytes);
    let mut diff = FileDiff { cut, ..FileDiff::default() };
    let (mut old, mut new, mut shown) = (0_u32, 0_u32, 0_usize);
    // Lines the hunk still has, before and after: a removed line that reads `-- x` is no header.
    let (mut old_left, mut new_left) = (0_u32, 0_u32);
    let mut lines = text.split('\n').peekable();
    while let Some(line) = lines.next() {
        if cut && lines.peek().is_none() {
            break; // the last line may not be whole
        }
        if old_left == 0 && new_left == 0 {
            if let Some(start) = hunk_header(line) {
                (old, new) = (start.old, start.new);
                (old_left, new_left) = (start.old_lines, start.new_lines);
                diff.hunks.push(DiffHunk { context: clip(start.context), lines: Vec::new() });
            } else if line.starts_with("Binary files ") || line.starts_with("GIT binary patch") {
                diff.binary = true;
            } else if line.starts_with("diff --git ") && !diff.hunks.is_empty() {
                break; // a second file: a path that was a file and a directory
            }
            continue;
        }
        let Some(hunk) = diff.hunks.last_mut() else { break };
        let (sign, rest) = match line.as_bytes().first() {
            Some(b'+') => (b'+', &line[1..]),
            Some(b'-') => (b'-', &line[1..]),
            Some(b' ') => (b' ', &line[1..]),
            Some(b'\\') => continue,
            _ => (b' ', line),
        };
        if shown == MAX_DIFF_LINES {
            diff.cut = true;
            break;
        }
        shown += 1;
        let mut entry = DiffLine { old: None, new: None, text: clip(rest.strip_suffix('\r').unwrap_or(rest)) };
        if sign != b'+' {
            entry.old = Some(old);
            old = old.saturating_add(1);
            old_left = old_left.saturating_sub(1);
        }
        if sign != b'-' {
            entry.new = Some(new);
            new = new.saturating_add(1);
            new_left = new_left.saturating_sub(1);
        }
        hunk.lines.push(entry);
    }
    diff
}

/// The text of a file that is new as a whole.
pub(super) fn new_file(bytes: &[u8], cut: bool) -> FileDiff {
    if is_binary(bytes) {
        return FileDiff { binary: true, ..FileDiff::default() };
    }
    let text = String::from_utf8_lossy(bytes);
    let mut lines: Vec<DiffLine> = Vec::new();
    let mut all = text.strip_suffix('\n').unwrap_or(&text).split('\n').zip(1_u32..);
    for (line, number) in all.by_ref().take(MAX_DIFF_LINES) {
        let text = clip(line.strip_suffix('\r').unwrap_or(line));
        lines.push(DiffLine { old: None, new: Some(number), text });
    }
    let cut = cut || all.next().is_some();
    if bytes.is_empty() {
        lines.clear();
    }
    let hunks = if lines.is_empty() { Vec::new() } else { vec![DiffHunk { context: String::new(), lines }] };
    FileDiff { hunks, binary: false, cut }
}

/// As git decides it.
pub(super) fn is_binary(bytes: &[u8]) -> bool {
    bytes.iter().take(8000).any(|byte| *byte == 0)
}

struct HunkStart<'a> {
    old: u32,
    old_lines: u32,
    new: u32,
    new_lines: u32,
    context: &'a str,
}

/// `@@ -1,5 +1,6 @@ fn main()`.
fn hunk_header(line: &str) -> Option<HunkStart<'_>> {
    let (ranges, context) = line.strip_prefix("@@ -")?.split_once(" @@")?;
    let (old, new) = ranges.split_once(" +")?;
    let range = |text: &str| -> Option<(u32, u32)> {
        match text.split_once(',') {
            Some((start, lines)) => Some((start.parse().ok()?, lines.parse().ok()?)),
            None => Some((text.parse().ok()?, 1)),
        }
    };
    let ((old, old_lines), (new, new_lines)) = (range(old)?, range(new)?);
    Some(HunkStart { old, old_lines, new, new_lines, context: context.trim() })
}

fn clip(line: &str) -> String {
    match line.char_indices().nth(MAX_LINE_CHARS) {
        None => line.to_owned(),
        Some((end, _)) => format!("{}…", &line[..end]),
    }
}

#[cfg(test)]
mod tests {
    use protocol::{FileStatus, MAX_DIFF_LINES};

    use super::{diff, files, new_file};

    #[test]
    fn lists_of_files_are_read_with_renames_and_odd_names() {
        let raw = concat!(
            ":100644 100644 aaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbb M\0a b.txt\0",
            ":100644 100644 aaaaaaaaaaaaaaaa 0000000000000000 R090\0old\nname\0new\tname\0",
            ":000000 100644 0000000000000000 cccccccccccccccc A\0größe.bin\0",
            ":100644 100755 aaaaaaaaaaaaaaaa aaaaaaaaaaaaaaaa M\0run.sh\0",
            "3\t1\ta b.txt\0",
            "2\t0\t\0old\nname\0new\tname\0",
            "-\t-\tgröße.bin\0",
            "0\t0\trun.sh\0"
        );
        let found = files(raw.as_bytes());
        let short: Vec<_> = found.iter().map(|f| (f.path.as_str(), f.status, f.added, f.removed, f.binary)).collect();
        assert_eq!(
            short,
            [
                ("a b.txt", FileStatus::Modified, 3, 1, false),
                ("new\tname", FileStatus::Renamed, 2, 0, false),
                ("größe.bin", FileStatus::Added, 0, 0, true),
                ("run.sh", FileStatus::Mode, 0, 0, false),
            ]
        );
        assert_eq!(found[0].version, "bbbbbbbbbbbb");
        assert_eq!((found[1].old_path.as_deref(), found[1].version.as_str()), (Some("old\nname"), ""));
        for garbage in ["", "\0\0", ":x\0", ":1 2 3 4 R1\0only", "1\t2", "1\t\t\0"] {
            assert!(files(garbage.as_bytes()).is_empty(), "{garbage:?}");
        }
    }

    #[test]
    fn hunks_have_numbers_and_signs_inside_a_line_are_text() {
        let text = "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1,3 +1,4 @@ fn main()\n one\n--- two\n+++ three\n+@@ -9 +9 @@\n \
                    four\n\\ No newline at end of file\n@@ -10 +11,0 @@\n-gone\n";
        let read = diff(text.as_bytes(), false);
        assert!(!read.binary && !read.cut);
        let lines = |at: usize| -> Vec<(Option<u32>, Option<u32>, &str)> {
            read.hunks[at].lines.iter().map(|line| (line.old, line.new, line.text.as_str())).collect()
        };
        assert_eq!(read.hunks[0].context, "fn main()");
        assert_eq!(
            lines(0),
            [
                (Some(1), Some(1), "one"),
                (Some(2), None, "-- two"),
                (None, Some(2), "++ three"),
                (None, Some(3), "@@ -9 +9 @@"),
                (Some(3), Some(4), "four"),
            ]
        );
        assert_eq!(lines(1), [(Some(10), None, "gone")]);
        assert!(diff(b"diff --git a/x b/x\nBinary files a/x and b/x differ\n", false).binary);
        assert_eq!(diff(b"nonsense", false).hunks.len(), 0);
    }

    #[test]
    fn long_diffs_and_long_lines_are_cut() {
        let many = format!("@@ -0,0 +1,9999 @@\n{}", "+x\n".repeat(9999));
        let read = diff(many.as_bytes(), false);
        assert!(read.cut && read.hunks[0].lines.len() == MAX_DIFF_LINES);
        let half = diff(b"@@ -0,0 +1,3 @@\n+one\n+tw", true);
        assert_eq!(half.hunks[0].lines.len(), 1, "half a line is no line");
        let wide = diff(format!("@@ -0,0 +1 @@\n+{}\n", "字".repeat(5000)).as_bytes(), false);
        assert!(wide.hunks[0].lines[0].text.chars().count() == 2001);
    }

    #[test]
    fn new_files_are_added_lines() {
        let read = new_file(b"a\r\nb", false);
        let lines: Vec<_> = read.hunks[0].lines.iter().map(|line| (line.new, line.text.as_str())).collect();
        assert_eq!(lines, [(Some(1), "a"), (Some(2), "b")]);
        assert!(new_file(b"", false).hunks.is_empty());
        assert!(new_file(b"a\0b", false).binary);
        assert!(new_file("x\n".repeat(5000).as_bytes(), false).cut);
    }
}
