//! Server-sent events, a piece of bytes at a time. Knows nothing about what the events carry, and never holds more
//! than one event.

/// Longest single event. A whole non-streamed tool call with a file in it fits.
pub(super) const MAX_EVENT_BYTES: usize = 8 * 1024 * 1024;

/// An event was longer than [`MAX_EVENT_BYTES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EventTooLong;

/// Splits a byte stream into the `data` of its events (WHATWG HTML §9.2.6). Pieces may end anywhere: inside a
/// character, between `\r` and `\n`, inside a field name.
#[derive(Debug, Default)]
pub(super) struct SseDecoder {
    line: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    after_cr: bool,
    past_start: bool,
}

impl SseDecoder {
    /// Takes a piece, returns the events it completes.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<String>, EventTooLong> {
        let mut events = Vec::new();
        for &byte in bytes {
            let skip = byte == b'\n' && self.after_cr;
            self.after_cr = byte == b'\r';
            match byte {
                _ if skip => {}
                b'\n' | b'\r' => events.extend(self.end_line()),
                _ => {
                    self.line.push(byte);
                    if self.line.len() + self.data.len() > MAX_EVENT_BYTES {
                        return Err(EventTooLong);
                    }
                }
            }
        }
        Ok(events)
    }

    /// The stream ended. An event whose closing blank line is missing still counts: some servers leave it out.
    pub(super) fn finish(mut self) -> Option<String> {
        let last = self.end_line();
        last.or_else(|| self.take_event())
    }

    fn end_line(&mut self) -> Option<String> {
        let mut line = std::mem::take(&mut self.line);
        if !self.past_start {
            self.past_start = true;
            if line.starts_with(b"\xEF\xBB\xBF") {
                line.drain(..3);
            }
        }
        if line.is_empty() {
            return self.take_event();
        }
        let (field, value) = match line.iter().position(|byte| *byte == b':') {
            Some(at) => (&line[..at], line[at + 1..].strip_prefix(b" ").unwrap_or(&line[at + 1..])),
            None => (&line[..], &[][..]),
        };
        // An empty field name is a comment, which servers send to keep the connection alive.
        if field == b"data" {
            if self.has_data {
                self.data.push(b'\n');
            }
            self.has_data = true;
            self.data.extend_from_slice(value);
        }
        None
    }

    fn take_event(&mut self) -> Option<String> {
        let data = std::mem::take(&mut self.data);
        std::mem::take(&mut self.has_data).then(|| String::from_utf8_lossy(&data).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_EVENT_BYTES, SseDecoder};

    fn decode(pieces: &[&[u8]]) -> Vec<String> {
        let mut decoder = SseDecoder::default();
        let mut events = Vec::new();
        for piece in pieces {
            events.extend(decoder.push(piece).unwrap());
        }
        events.extend(decoder.finish());
        events
    }

    #[test]
    fn every_split_point_gives_the_same_events() {
        let texts: &[&str] = &[
            "data: {\"a\":1}\n\ndata: [DONE]\n\n",
            "data: {\"a\":1}\r\n\r\ndata: [DONE]\r\n\r\n",
            "data: {\"a\":1}\r\rdata: [DONE]\r\r",
            ": keep-alive\n\nevent: x\nid: 7\ndata:{\"a\":1}\n\n: bye\ndata: [DONE]\n\n",
            "\u{feff}data: {\"a\":1}\n\ndata: [DONE]",
        ];
        for text in texts {
            let bytes = text.as_bytes();
            for at in 0..=bytes.len() {
                assert_eq!(decode(&[&bytes[..at], &bytes[at..]]), ["{\"a\":1}", "[DONE]"], "{text:?} at {at}");
            }
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            assert_eq!(decode(&single), ["{\"a\":1}", "[DONE]"], "{text:?} byte by byte");
        }
    }

    #[test]
    fn characters_survive_being_cut() {
        let bytes = "data: 字🙂\n\n".as_bytes();
        for at in 0..=bytes.len() {
            assert_eq!(decode(&[&bytes[..at], &bytes[at..]]), ["字🙂"], "at {at}");
        }
    }

    #[test]
    fn several_data_lines_are_one_event_and_only_one_space_is_dropped() {
        assert_eq!(decode(&[b"data:  a\ndata:b\ndata\n\n"]), [" a\nb\n"]);
        assert_eq!(decode(&[b"\n\n\n: nothing\n\n"]), Vec::<String>::new());
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut decoder = SseDecoder::default();
        let piece = vec![b'x'; MAX_EVENT_BYTES];
        assert!(decoder.push(b"data: ").is_ok());
        assert!(decoder.push(&piece).is_err());
    }
}
