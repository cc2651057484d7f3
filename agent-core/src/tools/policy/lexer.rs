//! Splits shell text into simple commands, enough to judge them. It never runs or expands anything.
//!
//! What it cannot read it reports as unreadable, and unreadable commands are refused: guessing would be a way round.

mod expansions;

/// Longest command that is judged.
pub(super) const MAX_COMMAND_BYTES: usize = 64 * 1024;

/// Why a command cannot be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unreadable(pub(super) &'static str);

/// A part of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// Text that means itself.
    Text(String),
    /// `*`, `?` or `[`, unquoted.
    Glob(char),
    /// `$NAME` or `${NAME}`.
    Var(String),
    /// `~` at the start.
    Home,
    /// `$(…)`, backticks, `<(…)`: the commands inside.
    Sub(String),
    /// Anything else that only the shell can tell.
    Unknown,
}

/// A word of a command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Word(pub(super) Vec<Piece>);

impl Word {
    /// The text of a word without any expansion.
    pub(super) fn plain(&self) -> Option<String> {
        self.0.iter().map(|piece| if let Piece::Text(text) = piece { Some(text.as_str()) } else { None }).collect()
    }

    fn push(&mut self, c: char) {
        if let Some(Piece::Text(text)) = self.0.last_mut() {
            text.push(c);
        } else {
            self.0.push(Piece::Text(c.to_string()));
        }
    }
}

/// What stands before a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Joint {
    /// Start, `;`, a line break or `&`.
    Sequence,
    /// `&&` or `||`.
    Conditional,
    /// `|`.
    Pipe,
}

/// A redirection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Redirect {
    /// Whether it writes.
    pub(super) writes: bool,
    /// The file; `>&2` and the like are left out.
    pub(super) target: Word,
}

/// A simple command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Simple {
    pub(super) joint: Joint,
    pub(super) words: Vec<Word>,
    pub(super) redirects: Vec<Redirect>,
    /// Text fed to its input by `<<` or `<<<`.
    pub(super) input: Option<String>,
    /// Whether the shell expands that text first.
    pub(super) input_expands: bool,
}

impl Simple {
    fn new(joint: Joint) -> Self {
        Self { joint, words: Vec::new(), redirects: Vec::new(), input: None, input_expands: false }
    }

    fn is_empty(&self) -> bool {
        self.words.is_empty() && self.redirects.is_empty()
    }
}

/// A part of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    /// `(`: a subshell starts.
    Open,
    /// `)`.
    Close,
    /// A command.
    Command(Simple),
}

enum Next {
    Nothing,
    Redirect { writes: bool },
    HereDoc { strip_tabs: bool, expands: bool },
    HereString,
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
    items: Vec<Item>,
    current: Simple,
    word: Option<Word>,
    next: Next,
    /// Here-documents announced on this line: index of the command's item (once pushed), delimiter, tabs.
    waiting: Vec<(String, bool)>,
    filled: Vec<(usize, usize)>,
}

/// Reads a script.
pub(super) fn read(source: &str) -> Result<Vec<Item>, Unreadable> {
    if source.len() > MAX_COMMAND_BYTES {
        return Err(Unreadable("it is longer than 64 KB; put it into a file in the workspace and run that"));
    }
    if source.contains('\0') {
        return Err(Unreadable("it contains a NUL character"));
    }
    let mut lexer = Lexer {
        chars: source.chars().collect(),
        at: 0,
        items: Vec::new(),
        current: Simple::new(Joint::Sequence),
        word: None,
        next: Next::Nothing,
        waiting: Vec::new(),
        filled: Vec::new(),
    };
    lexer.run()?;
    Ok(lexer.items)
}

impl Lexer {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn run(&mut self) -> Result<(), Unreadable> {
        while let Some(c) = self.peek(0) {
            self.at += 1;
            match c {
                ' ' | '\t' | '\r' => self.end_word(),
                '\n' => {
                    self.end_command(Joint::Sequence);
                    self.read_here_documents()?;
                }
                '#' if self.word.is_none() => self.skip_comment(),
                '\\' => self.escape(),
                '\'' => self.single_quotes()?,
                '"' => self.double_quotes()?,
                '$' => self.dollar(false)?,
                '`' => self.backticks()?,
                ';' => self.end_command(Joint::Sequence),
                '&' => self.ampersand(),
                '|' => self.bar(),
                '(' => self.open(),
                ')' => {
                    self.end_command(Joint::Sequence);
                    self.items.push(Item::Close);
                }
                '<' | '>' => self.angle(c)?,
                '*' | '?' | '[' => self.word().0.push(Piece::Glob(c)),
                '~' if self.word.is_none() => self.tilde(),
                '{' if self.starts_brace_list() => self.word().0.push(Piece::Unknown),
                _ => self.word().push(c),
            }
        }
        self.end_command(Joint::Sequence);
        if self.waiting.is_empty() { Ok(()) } else { Err(Unreadable("a here-document is not closed")) }
    }

    fn word(&mut self) -> &mut Word {
        self.word.get_or_insert_default()
    }

    fn end_word(&mut self) {
        let Some(word) = self.word.take() else { return };
        match std::mem::replace(&mut self.next, Next::Nothing) {
            Next::Nothing => self.current.words.push(word),
            Next::Redirect { writes } => self.current.redirects.push(Redirect { writes, target: word }),
            Next::HereString => self.current.input = Some(word.plain().unwrap_or_default()),
            Next::HereDoc { strip_tabs, expands } => {
                self.current.input_expands = expands;
                self.waiting.push((word.plain().unwrap_or_default(), strip_tabs));
                self.current.input = Some(String::new());
            }
        }
    }

    fn end_command(&mut self, next: Joint) {
        self.end_word();
        self.next = Next::Nothing;
        let done = std::mem::replace(&mut self.current, Simple::new(next));
        if !done.is_empty() {
            let announced = self.waiting.len() - self.filled.len();
            self.items.push(Item::Command(done));
            let item = self.items.len() - 1;
            for _ in 0..announced {
                let document = self.filled.len();
                self.filled.push((document, item));
            }
        }
    }

    fn read_here_documents(&mut self) -> Result<(), Unreadable> {
        for (document, (delimiter, strip_tabs)) in std::mem::take(&mut self.waiting).into_iter().enumerate() {
            let mut body = String::new();
            loop {
                if self.at >= self.chars.len() {
                    return Err(Unreadable("a here-document is not closed"));
                }
                let end =
                    self.chars.iter().skip(self.at).position(|c| *c == '\n').map_or(self.chars.len(), |n| self.at + n);
                let line: String = self.chars.get(self.at..end).unwrap_or_default().iter().collect();
                self.at = (end + 1).min(self.chars.len());
                if (if strip_tabs { line.trim_start_matches('\t') } else { &line }) == delimiter {
                    break;
                }
                body.push_str(&line);
                body.push('\n');
            }
            let item = self.filled.iter().find(|(index, _)| *index == document).map(|(_, item)| *item);
            if let Some(Item::Command(command)) = item.and_then(|item| self.items.get_mut(item)) {
                command.input = Some(body);
            }
        }
        self.filled.clear();
        Ok(())
    }

    fn skip_comment(&mut self) {
        while self.peek(0).is_some_and(|c| c != '\n') {
            self.at += 1;
        }
    }

    fn escape(&mut self) {
        match self.peek(0) {
            Some('\n') => self.at += 1,
            Some(c) => {
                self.at += 1;
                self.word().push(c);
            }
            None => self.word().push('\\'),
        }
    }

    fn ampersand(&mut self) {
        match self.peek(0) {
            Some('&') => {
                self.at += 1;
                self.end_command(Joint::Conditional);
            }
            Some('>') => {
                self.end_word();
                self.at += 1;
                if self.peek(0) == Some('>') {
                    self.at += 1;
                }
                self.next = Next::Redirect { writes: true };
            }
            _ => self.end_command(Joint::Sequence),
        }
    }

    fn bar(&mut self) {
        match self.peek(0) {
            Some('|') => {
                self.at += 1;
                self.end_command(Joint::Conditional);
            }
            Some('&') => {
                self.at += 1;
                self.end_command(Joint::Pipe);
            }
            _ => self.end_command(Joint::Pipe),
        }
    }

    fn open(&mut self) {
        // `name()` defines a function: its body is judged like any other text.
        if self.peek(0) == Some(')') && (self.word.is_some() || self.current.words.len() == 1) {
            self.at += 1;
            self.word = None;
            self.current.words.clear();
            return;
        }
        let joint = self.current.joint;
        self.end_command(joint);
        self.items.push(Item::Open);
    }

    fn angle(&mut self, c: char) -> Result<(), Unreadable> {
        if self.peek(0) == Some('(') {
            let inner = self.balanced('(', ')')?;
            self.word().0.push(Piece::Sub(inner));
            return Ok(());
        }
        // Digits right before the sign name a descriptor.
        let is_descriptor =
            self.word.as_ref().and_then(Word::plain).is_some_and(|text| text.chars().all(|c| c.is_ascii_digit()));
        if is_descriptor {
            self.word = None;
        } else {
            self.end_word();
        }
        let mut sign = String::from(c);
        while let Some(next) = self.peek(0).filter(|next| "<>|&-".contains(*next)) {
            if next == '-' && sign != "<<" || next == '|' && sign != ">" {
                break;
            }
            sign.push(next);
            self.at += 1;
        }
        if sign.ends_with('&') {
            // `2>&1` and `>&-` name descriptors; `>& file` is a file.
            let rest: String =
                self.chars.iter().skip(self.at).take_while(|c| c.is_ascii_digit() || **c == '-').collect();
            if !rest.is_empty() {
                self.at += rest.len();
                return Ok(());
            }
        }
        self.next = match sign.as_str() {
            "<<" | "<<-" => {
                let delimiter = self.chars.iter().skip(self.at).find(|c| !matches!(c, ' ' | '\t'));
                let expands = !matches!(delimiter, Some('\'' | '"' | '\\'));
                Next::HereDoc { strip_tabs: sign == "<<-", expands }
            }
            "<<<" => Next::HereString,
            _ => Next::Redirect { writes: sign.contains('>') },
        };
        Ok(())
    }

    fn tilde(&mut self) {
        let own = self.peek(0).is_none_or(|c| c == '/' || c.is_whitespace() || ";&|)".contains(c));
        self.word().0.push(if own { Piece::Home } else { Piece::Unknown });
    }

    /// `{a,b}` makes several words; `{` alone groups commands.
    fn starts_brace_list(&self) -> bool {
        let rest = self.chars.iter().skip(self.at).take_while(|c| !c.is_whitespace());
        let inside: String = rest.take_while(|c| **c != '}').collect();
        inside.contains(',') || inside.contains("..")
    }
}

#[cfg(test)]
mod tests;
