//! Quotes, variables and substitutions inside words.

use super::{Lexer, Piece, Unreadable};

impl Lexer {
    pub(super) fn single_quotes(&mut self) -> Result<(), Unreadable> {
        self.word().0.push(Piece::Text(String::new()));
        loop {
            match self.peek(0) {
                None => return Err(Unreadable("a quote is not closed")),
                Some('\'') => break,
                Some(c) => self.word().push(c),
            }
            self.at += 1;
        }
        self.at += 1;
        Ok(())
    }

    pub(super) fn double_quotes(&mut self) -> Result<(), Unreadable> {
        self.word().0.push(Piece::Text(String::new()));
        loop {
            let Some(c) = self.peek(0) else { return Err(Unreadable("a quote is not closed")) };
            self.at += 1;
            match c {
                '"' => return Ok(()),
                '\\' => match self.peek(0) {
                    Some('\n') => self.at += 1,
                    Some(next @ ('$' | '`' | '"' | '\\')) => {
                        self.at += 1;
                        self.word().push(next);
                    }
                    _ => self.word().push('\\'),
                },
                '$' => self.dollar(true)?,
                '`' => self.backticks()?,
                _ => self.word().push(c),
            }
        }
    }

    pub(super) fn dollar(&mut self, quoted: bool) -> Result<(), Unreadable> {
        match self.peek(0) {
            Some('(') if self.peek(1) == Some('(') => {
                let inner = self.balanced('(', ')')?;
                // Arithmetic may run commands too.
                if inner.contains("$(") || inner.contains('`') {
                    self.word().0.push(Piece::Sub(inner));
                }
                self.word().0.push(Piece::Unknown);
            }
            Some('(') => {
                let inner = self.balanced('(', ')')?;
                self.word().0.push(Piece::Sub(inner));
            }
            Some('{') => {
                let inner = self.balanced('{', '}')?;
                let is_name = !inner.is_empty() && inner.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
                if inner.contains("$(") || inner.contains('`') {
                    self.word().0.push(Piece::Sub(inner.clone()));
                }
                self.word().0.push(if is_name { Piece::Var(inner) } else { Piece::Unknown });
            }
            Some('\'') if !quoted => {
                self.at += 1;
                self.ansi_quotes()?;
            }
            Some('"') if !quoted => {
                self.at += 1;
                self.double_quotes()?;
            }
            Some(c) if c.is_ascii_alphabetic() || c == '_' => {
                let mut name = String::new();
                while let Some(c) = self.peek(0).filter(|c| c.is_ascii_alphanumeric() || *c == '_') {
                    name.push(c);
                    self.at += 1;
                }
                self.word().0.push(Piece::Var(name));
            }
            Some(c) if c.is_ascii_digit() || "@*#?$!-".contains(c) => {
                self.at += 1;
                self.word().0.push(Piece::Unknown);
            }
            _ => self.word().push('$'),
        }
        Ok(())
    }

    /// `$'…'`. Escapes that spell characters by number could hide a name, so they make the word unknown.
    pub(super) fn ansi_quotes(&mut self) -> Result<(), Unreadable> {
        self.word().0.push(Piece::Text(String::new()));
        loop {
            let Some(c) = self.peek(0) else { return Err(Unreadable("a quote is not closed")) };
            self.at += 1;
            match c {
                '\'' => return Ok(()),
                '\\' => {
                    let escaped = self.peek(0);
                    self.at += 1;
                    match escaped {
                        Some('n') => self.word().push('\n'),
                        Some('t') => self.word().push('\t'),
                        Some(c @ ('\\' | '\'' | '"')) => self.word().push(c),
                        _ => self.word().0.push(Piece::Unknown),
                    }
                }
                _ => self.word().push(c),
            }
        }
    }

    pub(super) fn backticks(&mut self) -> Result<(), Unreadable> {
        let mut inner = String::new();
        loop {
            let Some(c) = self.peek(0) else { return Err(Unreadable("a backtick is not closed")) };
            self.at += 1;
            match c {
                '`' => break,
                '\\' if matches!(self.peek(0), Some('`' | '\\' | '$')) => {
                    inner.extend(self.peek(0));
                    self.at += 1;
                }
                _ => inner.push(c),
            }
        }
        self.word().0.push(Piece::Sub(inner));
        Ok(())
    }

    /// The text up to the matching bracket; `at` stands on the opening one.
    pub(super) fn balanced(&mut self, open: char, close: char) -> Result<String, Unreadable> {
        let mut depth = 0_u32;
        let mut inner = String::new();
        let mut quote: Option<char> = None;
        while let Some(c) = self.peek(0) {
            self.at += 1;
            match quote {
                Some('\'') => quote = (c != '\'').then_some('\''),
                Some(mark) if c == mark => quote = None,
                None if matches!(c, '\'' | '"') && open == '(' => quote = Some(c),
                _ if c == '\\' => {
                    inner.push(c);
                    inner.extend(self.peek(0));
                    self.at += 1;
                    continue;
                }
                None if c == open => {
                    depth += 1;
                    if depth == 1 {
                        continue;
                    }
                }
                None if c == close => {
                    depth -= 1;
                    if depth == 0 {
                        return Ok(inner);
                    }
                }
                _ => {}
            }
            inner.push(c);
        }
        Err(Unreadable("a bracket is not closed"))
    }
}
