//! A copy of a header's TLVs, to be changed and written back.
use super::tlv::Kind;
use sluice_dataplane::reason::Reason;
use sluice_dataplane::wire::nsh;

/// Longest context, bytes.
const ROOM: usize = nsh::MAX_LEN - nsh::LEN;

/// The TLVs of a header with MD type 2. Those that are not touched stay byte for byte, and in order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context {
    bytes: [u8; ROOM],
    len: usize,
}

impl Default for Context {
    fn default() -> Self {
        Context { bytes: [0; ROOM], len: 0 }
    }
}

impl Context {
    /// # Errors
    /// [`Reason::Oversize`] if it is longer than a context may be.
    pub(crate) fn new(bytes: &[u8]) -> Result<Context, Reason> {
        let mut copy = Context::default();
        copy.append(bytes)?;
        Ok(copy)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), Reason> {
        let end = self.len + bytes.len();
        self.bytes.get_mut(self.len..end).ok_or(Reason::Oversize)?.copy_from_slice(bytes);
        self.len = end;
        Ok(())
    }

    fn append_tlv(&mut self, kind: Kind, value: &[u8]) -> Result<(), Reason> {
        let room = self.bytes.get_mut(self.len..).ok_or(Reason::Oversize)?;
        self.len += nsh::write_tlv(room, kind.class, kind.kind, value).map_err(|_| Reason::Oversize)?;
        Ok(())
    }

    /// Takes all TLVs of a kind out; `value` takes the place of the first of them, or goes to the end.
    ///
    /// # Errors
    /// [`Reason::NshTlv`] if the TLVs are malformed; [`Reason::Oversize`] if the new one does not fit.
    pub(crate) fn replace(&mut self, kind: Kind, mut value: Option<&[u8]>) -> Result<(), Reason> {
        let old = *self;
        self.len = 0;
        for tlv in nsh::tlvs(old.bytes()) {
            let tlv = tlv.map_err(|_| Reason::NshTlv)?;
            if kind.is(&tlv) {
                if let Some(value) = value.take() {
                    self.append_tlv(kind, value)?;
                }
                continue;
            }
            let end = tlv.offset + nsh::tlv_len(tlv.value.len());
            self.append(old.bytes().get(tlv.offset..end).unwrap_or_default())?;
        }
        value.map_or(Ok(()), |value| self.append_tlv(kind, value))
    }
}
