//! AMF0 (Adobe, 2007): the values in commands and metadata.
//!
//! Reading is bounded in depth and in number of values, and reserves nothing for a length it has only been told.
//! Strings are wiped when dropped, because one of them is the stream key.

use zeroize::Zeroizing;

/// Objects within objects. Real commands need one, metadata two.
const MAX_DEPTH: usize = 8;
/// Values in one message. The largest metadata seen holds about 30.
const MAX_VALUES: usize = 1024;

/// Why a message is not AMF0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmfError {
    #[error("a value ends before it is whole")]
    Truncated,
    #[error("values are nested more than {MAX_DEPTH} deep")]
    TooDeep,
    #[error("there are more than {MAX_VALUES} values")]
    TooMany,
    #[error("type marker {0} is not taken")]
    Marker(u8),
}

/// One value. Kinds that no publisher's message gives a meaning to are all `Other`.
pub(super) enum Value {
    Number(f64),
    String(Zeroizing<String>),
    /// Object, typed object and ECMA array alike.
    Object(Vec<(Zeroizing<String>, Value)>),
    Other,
}

impl Value {
    pub(super) fn as_number(&self) -> Option<f64> {
        if let Self::Number(number) = self { Some(*number) } else { None }
    }

    pub(super) fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// A field of an object; None on anything else.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        let Self::Object(fields) = self else { return None };
        fields.iter().find(|(key, _)| key.as_str() == name).map(|(_, value)| value)
    }
}

/// Reads the values of one message, front to back.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    values: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self { rest: message, values: 0 }
    }

    /// The next value; None at the end.
    pub(super) fn next(&mut self) -> Result<Option<Value>, AmfError> {
        if self.rest.is_empty() { Ok(None) } else { self.value(0).map(Some) }
    }

    fn value(&mut self, depth: usize) -> Result<Value, AmfError> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(AmfError::TooMany);
        }
        if depth > MAX_DEPTH {
            return Err(AmfError::TooDeep);
        }
        let marker = self.take(1)?[0];
        Ok(match marker {
            0x00 => Value::Number(f64::from_be_bytes(self.array()?)),
            0x01 => self.skip(1)?,
            0x02 => Value::String(self.short_string()?),
            0x03 => self.object(depth)?,
            0x05 | 0x06 | 0x0d => Value::Other,
            0x07 => self.skip(2)?,
            0x08 => {
                // The count is a hint at best: ffmpeg and OBS both end the array with a marker all the same.
                self.skip(4)?;
                self.object(depth)?
            }
            0x0a => self.strict_array(depth)?,
            0x0b => self.skip(10)?,
            0x0c | 0x0f => Value::String(self.long_string()?),
            0x10 => {
                self.short_string()?;
                self.object(depth)?
            }
            other => return Err(AmfError::Marker(other)),
        })
    }

    fn object(&mut self, depth: usize) -> Result<Value, AmfError> {
        let mut fields = Vec::new();
        loop {
            let name = self.short_string()?;
            if name.is_empty() && self.rest.first() == Some(&0x09) {
                self.take(1)?;
                return Ok(Value::Object(fields));
            }
            fields.push((name, self.value(depth + 1)?));
        }
    }

    fn strict_array(&mut self, depth: usize) -> Result<Value, AmfError> {
        let count = u32::from_be_bytes(self.array()?);
        for _ in 0..count {
            self.value(depth + 1)?;
        }
        Ok(Value::Other)
    }

    fn short_string(&mut self) -> Result<Zeroizing<String>, AmfError> {
        let length = u16::from_be_bytes(self.array()?);
        Ok(text(self.take(usize::from(length))?))
    }

    fn long_string(&mut self) -> Result<Zeroizing<String>, AmfError> {
        let length = u32::from_be_bytes(self.array()?);
        Ok(text(self.take(usize::try_from(length).map_err(|_| AmfError::Truncated)?)?))
    }

    fn skip(&mut self, count: usize) -> Result<Value, AmfError> {
        self.take(count).map(|_| Value::Other)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], AmfError> {
        self.take(N)?.try_into().map_err(|_| AmfError::Truncated)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], AmfError> {
        let (head, rest) = self.rest.split_at_checked(count).ok_or(AmfError::Truncated)?;
        self.rest = rest;
        Ok(head)
    }
}

/// Encoders that do not write UTF-8 put it in their own name, which is worth showing with replacement characters.
fn text(bytes: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(String::from_utf8_lossy(bytes).into_owned())
}

/// Writes values, one after the other.
#[derive(Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn number(mut self, number: f64) -> Self {
        self.0.push(0x00);
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    pub(super) fn string(mut self, text: &str) -> Self {
        self.0.push(0x02);
        self.name(text);
        self
    }

    pub(super) fn null(mut self) -> Self {
        self.0.push(0x05);
        self
    }

    /// Opens an object; then come [`Self::field`] and [`Self::number_field`], then [`Self::end`].
    pub(super) fn object(mut self) -> Self {
        self.0.push(0x03);
        self
    }

    pub(super) fn field(mut self, name: &str, text: &str) -> Self {
        self.name(name);
        self.string(text)
    }

    pub(super) fn number_field(mut self, name: &str, number: f64) -> Self {
        self.name(name);
        self.number(number)
    }

    pub(super) fn end(mut self) -> Self {
        self.0.extend_from_slice(&[0, 0, 0x09]);
        self
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0
    }

    /// All texts written are our own and short; one that is not is cut at what the length field can say.
    fn name(&mut self, text: &str) {
        let text = &text[..text.floor_char_boundary(usize::from(u16::MAX))];
        let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(text.as_bytes());
    }
}
