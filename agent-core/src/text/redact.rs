//! Blacks out keys, tokens and passwords before a text is stored, shown or sent to a model.
//!
//! Works on shapes, in one pass over the text. It errs on the side of hiding: a hidden word costs a question, a
//! shown key costs an account. It must never be the only thing between a secret and the outside.

/// What stands where a secret stood.
const HIDDEN: &str = "[redacted]";
/// How far a key with dots in it is judged; keeps a chain of half keys from being read again and again.
const JUDGED_BYTES: usize = 128;

/// Beginnings of well-known keys and the least number of key characters that must follow.
const PREFIXES: &[(&str, usize)] = &[
    ("sk-", 16),
    ("sk_live_", 12),
    ("sk_test_", 12),
    ("rk_live_", 12),
    ("rk_test_", 12),
    ("whsec_", 16),
    ("ghp_", 16),
    ("gho_", 16),
    ("ghu_", 16),
    ("ghs_", 16),
    ("ghr_", 16),
    ("github_pat_", 16),
    ("glpat-", 16),
    ("xoxa-", 8),
    ("xoxb-", 8),
    ("xoxe-", 8),
    ("xoxo-", 8),
    ("xoxp-", 8),
    ("xoxr-", 8),
    ("xoxs-", 8),
    ("xapp-", 8),
    ("AIza", 30),
    ("ya29", 16),
    ("hf_", 16),
    ("gsk_", 16),
    ("xai-", 16),
    ("pplx-", 16),
    ("r8_", 16),
    ("npm_", 16),
    ("pypi-", 16),
    ("dop_v1_", 16),
    ("tskey-", 12),
    ("SG", 40),
    ("dckr_pat_", 12),
    ("ops_ey", 16),
    ("age-secret-key-", 16),
    ("AGE-SECRET-KEY-", 16),
    ("lin_api_", 16),
    ("secret_", 32),
    ("ntn_", 24),
    ("shpat_", 16),
];

/// Last words of a name that say its value is secret.
const SECRET_WORDS: &[&str] = &[
    "apikey",
    "authtoken",
    "credential",
    "credentials",
    "passphrase",
    "passwd",
    "password",
    "pwd",
    "secret",
    "secretkey",
    "token",
    "accesskey",
    "accesstoken",
    "privatekey",
    "clientsecret",
];

/// Words before `key` that make it a secret one even in lower case (`primary_key` is none).
const KEY_WORDS: &[&str] =
    &["access", "api", "auth", "client", "encryption", "master", "private", "secret", "service", "signing"];

/// Blacks out what looks like a key, token or password.
#[must_use]
pub fn redact(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(start) = rest.find("-----BEGIN ") {
        let block = &rest[start..];
        let label_end = block["-----BEGIN ".len()..].find("-----").map(|at| at + "-----BEGIN ".len());
        let is_key = label_end.is_some_and(|end| end < 80 && block[..end].ends_with("PRIVATE KEY"));
        if !is_key {
            let next = start + "-----BEGIN ".len();
            redact_words(&rest[..next], &mut out);
            rest = &rest[next..];
            continue;
        }
        redact_words(&rest[..start], &mut out);
        out.push_str("[redacted private key]");
        // A block without an end is cut off somewhere: everything after its start may be key material.
        let after = block.find("-----END ").and_then(|end| {
            let tail = &block[end + "-----END ".len()..];
            tail.find("-----").map(|close| &tail[close + "-----".len()..])
        });
        rest = after.unwrap_or_default();
    }
    redact_words(rest, &mut out);
    out
}

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

/// Copies `text` word by word and leaves secrets out. All cuts are at ASCII bytes, so they are between characters.
fn redact_words(text: &str, out: &mut String) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let word_len = bytes[at..].iter().take_while(|byte| is_word_byte(**byte)).count();
        if word_len == 0 {
            let gap = bytes[at..].iter().take_while(|byte| !is_word_byte(**byte)).count();
            out.push_str(&text[at..at + gap]);
            at += gap;
            continue;
        }
        let found = known_key(text, at, word_len)
            .or_else(|| web_token(text, at, word_len))
            .or_else(|| after_scheme(text, at, word_len))
            .or_else(|| address_password(text, at, word_len))
            .or_else(|| assigned(text, at, word_len));
        match found {
            // `keep` bytes stay readable, so that people see which key it was.
            Some(Secret { keep, end }) => {
                out.push_str(&text[at..keep]);
                out.push_str(HIDDEN);
                at = end;
            }
            None => {
                out.push_str(&text[at..at + word_len]);
                at += word_len;
            }
        }
    }
}

/// A secret that begins at `keep` and ends before `end`.
struct Secret {
    keep: usize,
    end: usize,
}

/// `sk-…`, `ghp_…`, `AKIA…` and the like. Dots continue a key only for the kinds that have them.
fn known_key(text: &str, at: usize, word_len: usize) -> Option<Secret> {
    let word = &text[at..at + word_len];
    let aws = (word.starts_with("AKIA") || word.starts_with("ASIA"))
        && word_len == 20
        && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    if aws {
        return Some(Secret { keep: at + 4, end: at + word_len });
    }
    if let Some(secret) = bot_token(text, at, word_len) {
        return Some(secret);
    }
    let (prefix, least) = PREFIXES.iter().find(|(prefix, _)| word.starts_with(prefix))?;
    let dotted = matches!(*prefix, "SG" | "ya29" | "pypi-");
    let is_key_byte = |byte| is_word_byte(byte) || (dotted && byte == b'.');
    let judged = text.len().min(at + JUDGED_BYTES);
    let keep = at + prefix.len();
    let body = &text.as_bytes()[keep..keep + run_in(&text.as_bytes()[keep..judged.max(keep)], is_key_byte)];
    // Words joined by hyphens ("sk-learn-like-names-are-fine") are no key: one carries digits or capitals.
    let mixed = body.iter().any(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
    let dotted_enough = *prefix != "SG" || body.starts_with(b".");
    (body.len() >= *least && mixed && dotted_enough).then(|| Secret { keep, end: keep + run(text, keep, is_key_byte) })
}

/// A messenger bot's token: `123456789:AA…`.
fn bot_token(text: &str, at: usize, word_len: usize) -> Option<Secret> {
    let digits = (8..=10).contains(&word_len) && text[at..at + word_len].bytes().all(|byte| byte.is_ascii_digit());
    let body = text[at + word_len..].strip_prefix(':')?;
    let body_len = run(body, 0, is_word_byte);
    let keep = at + word_len + 1;
    (digits && body.starts_with("AA") && body_len >= 30).then_some(Secret { keep, end: keep + body_len })
}

/// A JSON web token: `eyJ….….…`.
fn web_token(text: &str, at: usize, word_len: usize) -> Option<Secret> {
    let word = &text[at..at + word_len];
    if !word.starts_with("eyJ") || word_len < 10 {
        return None;
    }
    let second = text[at + word_len..].strip_prefix('.')?;
    let second_len = run(second, 0, is_word_byte);
    if second_len < 4 {
        return None;
    }
    let end = at + run(text, at, |byte| is_word_byte(byte) || byte == b'.');
    Some(Secret { keep: at + 3, end })
}

/// `Bearer …`, `Basic …` and `token …` of an authorization header.
fn after_scheme(text: &str, at: usize, word_len: usize) -> Option<Secret> {
    let word = &text[at..at + word_len];
    let bearer = word.eq_ignore_ascii_case("bearer");
    let basic = word.eq_ignore_ascii_case("basic");
    if !bearer && !basic {
        return None;
    }
    let gap = run(text, at + word_len, |byte| byte == b' ' || byte == b'\t');
    let keep = at + word_len + gap;
    let end = keep + run(text, keep, |byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte));
    let value = &text[keep..end];
    // "bearer of good news", "basic understanding": words of prose are letters only.
    let mixed = value.bytes().any(|byte| byte.is_ascii_digit() || b"-_~+/=".contains(&byte));
    let least = if bearer { 8 } else { 12 };
    (gap > 0 && value.len() >= least && (mixed || (bearer && value.len() >= 20))).then_some(Secret { keep, end })
}

/// The password in `scheme://user:password@host`.
fn address_password(text: &str, at: usize, word_len: usize) -> Option<Secret> {
    let start = at + word_len + 3;
    if !text[at + word_len..].starts_with("://") {
        return None;
    }
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"/?#\"'<>`@".contains(&byte);
    let end = start + run(text, start, plain);
    let colon = text[start..end].find(':')?;
    let keep = start + colon + 1;
    (text[end..].starts_with('@') && keep < end).then_some(Secret { keep, end })
}

/// `NAME_KEY=value`, `"api_key": "value"`, `password: value`.
fn assigned(text: &str, at: usize, word_len: usize) -> Option<Secret> {
    let name = &text[at..at + word_len];
    let compound = secret_name(name)?;
    let rest = &text[at + word_len..];
    let name_quote = quote_at(rest, 0);
    let gap = run(rest, name_quote, |byte| byte == b' ');
    let sign = *rest.as_bytes().get(name_quote + gap)?;
    if sign != b'=' && sign != b':' {
        return None;
    }
    let after = name_quote + gap + 1;
    let value_at = after + run(rest, after, |byte| byte == b' ');
    let open = quote_at(rest, value_at);
    let body_at = value_at + open;
    // "token: the word that …" is prose; a colon without quotes or a compound name proves nothing.
    let proven = sign == b'=' || compound || name_quote + open > 0 || name.eq_ignore_ascii_case("password");
    // References to a secret are not the secret. Looked at first, so that a chain of them costs one pass only.
    let first = *rest.as_bytes().get(body_at)?;
    if !proven || b"$%{[<*(=".contains(&first) {
        return None;
    }
    let body_len = if open > 0 {
        let quote = rest.as_bytes()[body_at - 1];
        run(rest, body_at, |byte| byte != quote && byte != b'\n' && byte != b'\\')
    } else {
        run(rest, body_at, |byte| !byte.is_ascii_whitespace() && !b",;&|\"'`<>)}](\\".contains(&byte))
    };
    let call = open == 0 && rest[body_at + body_len..].starts_with('(');
    if call || !is_secret_value(&rest[body_at..body_at + body_len]) {
        return None;
    }
    let keep = at + word_len + body_at;
    Some(Secret { keep, end: keep + body_len })
}

/// The length of a quote at `from`, with the backslash of a quote inside a quoted text.
fn quote_at(text: &str, from: usize) -> usize {
    let escaped = usize::from(text.as_bytes().get(from) == Some(&b'\\'));
    match text.as_bytes().get(from + escaped) {
        Some(b'"' | b'\'' | b'`') => escaped + 1,
        _ => 0,
    }
}

/// Whether a name announces a secret; `true` inside when it has more than one part.
fn secret_name(name: &str) -> Option<bool> {
    if name.len() > 100 {
        return None;
    }
    let mut parts = name.rsplit(['_', '-']).filter(|part| !part.is_empty());
    let last = parts.next()?;
    let before = parts.next();
    let lower = last.to_ascii_lowercase();
    if SECRET_WORDS.contains(&lower.as_str()) {
        return Some(before.is_some());
    }
    let camel =
        ["apiKey", "ApiKey", "secretKey", "SecretKey", "privateKey", "accessKey", "Token", "Secret", "Password"];
    if camel.iter().any(|word| last.ends_with(word)) {
        return Some(true);
    }
    let shouted = name.bytes().all(|byte| !byte.is_ascii_lowercase());
    let before = before?.to_ascii_lowercase();
    (lower == "key" && (shouted || KEY_WORDS.contains(&before.as_str()))).then_some(true)
}

/// Blanks and plain settings are not secrets.
fn is_secret_value(value: &str) -> bool {
    let plain = ["true", "false", "null", "none", "nil", "undefined", "required", "optional"];
    value.len() >= 3 && !plain.iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// How many bytes from `from` on satisfy `keep`.
fn run(text: &str, from: usize, keep: impl Fn(u8) -> bool) -> usize {
    run_in(text.as_bytes().get(from..).unwrap_or_default(), keep)
}

/// How many bytes at the start satisfy `keep`.
fn run_in(bytes: &[u8], keep: impl Fn(u8) -> bool) -> usize {
    bytes.iter().take_while(|byte| keep(**byte)).count()
}
