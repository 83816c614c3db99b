//! temp
/// h
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VnetHeader { }
impl VnetHeader {
/// h
pub fn from_bytes(_b: &[u8;10]) -> Self { Self{} }
/// h
pub fn is_plain(&self) -> bool { true }
}
