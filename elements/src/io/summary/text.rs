//! Taking small pieces off the front of a text: what option lists are made of.

/// What is left of a text that is being read.
pub(super) struct Text<'t>(pub(super) &'t str);

impl Text<'_> {
    /// Takes `prefix` off the front, if it is there.
    pub(super) fn eat(&mut self, prefix: &str) -> bool {
        match self.0.strip_prefix(prefix) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }
    /// Whether a digit comes next.
    pub(super) fn at_digit(&self) -> bool {
        self.0.starts_with(|c: char| c.is_ascii_digit())
    }
    /// Takes a decimal number of at most `max`.
    pub(super) fn number(&mut self, max: u32) -> Option<u32> {
        let end = self.0.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.0.split_at_checked(end)?;
        let n = digits.parse().ok().filter(|&n| n <= max)?;
        self.0 = rest;
        Some(n)
    }
    /// Takes a number of one byte.
    pub(super) fn byte(&mut self) -> Option<u8> {
        self.number(255).map(|n| n as u8)
    }
    /// Takes an IPv4 address.
    pub(super) fn address(&mut self) -> Option<[u8; 4]> {
        let mut a = [0; 4];
        for (i, byte) in a.iter_mut().enumerate() {
            if i > 0 && !self.eat(".") {
                return None;
            }
            *byte = self.byte()?;
        }
        Some(a)
    }
    /// Takes an option that is given by numbers, `98` or `99=0:5:10`, and appends its bytes.
    pub(super) fn unknown_option(&mut self, out: &mut alloc::vec::Vec<u8>) -> Option<()> {
        out.push(self.byte()?);
        if self.eat("=") {
            let at = out.len();
            out.push(0);
            loop {
                out.push(self.byte()?);
                if !self.eat(":") {
                    break;
                }
            }
            *out.get_mut(at)? = u8::try_from(out.len() - at + 1).ok()?;
        }
        Some(())
    }
}

/// Options that are longer than a header takes lose the padding before them; 40 bytes at most stay.
pub(super) fn fit(mut options: alloc::vec::Vec<u8>) -> Option<super::Value<'static>> {
    while options.len() > 40 && options.first() == Some(&1) {
        options.remove(0);
    }
    (options.len() <= 40).then(|| super::Value::Bytes(options.into()))
}
