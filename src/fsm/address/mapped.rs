//! A cell seen in another language: who posts speaks `D`, the automaton understands `C`.
//!
//! ```text
//!   Address<D> ── into: D -> C ──> Port<C>        back: C -> D, for what is refused
//! ```

use super::{Address, Upgrade, Way, WeakAddress};
use crate::fsm::automaton::CellId;
use crate::fsm::cell::{Node, Port};
use crate::fsm::inbox::{Notice, Seat};
use crate::fsm::rejected::Rejected;
use crate::fsm::word::Duty;
use std::sync::Arc;
use std::task::Waker;

/// There and back between two languages.
struct Ways<I, B> {
    into: I,
    back: B,
}

/// A cell seen in another language. Addresses of it are counted by the cell, like all others.
pub(super) struct Mapped<C: 'static, I, B> {
    inner: Arc<dyn Port<C>>,
    ways: Arc<Ways<I, B>>,
}

/// The same, weakly.
struct WeakMapped<C: 'static, I, B> {
    inner: WeakAddress<C>,
    ways: Arc<Ways<I, B>>,
}

impl<C: 'static, I, B> Mapped<C, I, B> {
    pub(super) fn new(inner: Arc<dyn Port<C>>, into: I, back: B) -> Self {
        Mapped { inner, ways: Arc::new(Ways { into, back }) }
    }
}

impl<C, D, I, B> Port<D> for Mapped<C, I, B>
where
    C: 'static,
    D: Send + 'static,
    I: Fn(D) -> C + Send + Sync + 'static,
    B: Fn(C) -> D + Send + Sync + 'static,
{
    fn node(&self) -> &dyn Node {
        self.inner.node()
    }

    fn into_node(self: Arc<Self>) -> Arc<dyn Node> {
        self.inner.clone().into_node()
    }

    fn post(&self, command: D) -> Result<Duty, Rejected<D>> {
        self.inner.post((self.ways.into)(command)).map_err(|rejected| rejected.map(&self.ways.back))
    }

    fn post_or_wait(&self, command: D, seat: &mut Option<Seat>, waker: &Waker) -> Result<Duty, Rejected<D>> {
        let posted = self.inner.post_or_wait((self.ways.into)(command), seat, waker);
        posted.map_err(|rejected| rejected.map(&self.ways.back))
    }

    fn leave(&self, seat: &Seat) {
        self.inner.leave(seat);
    }

    fn notice(&self, make: Notice<D>) -> Duty {
        let ways = self.ways.clone();
        self.inner.notice(Box::new(move || make().map(&ways.into)))
    }

    fn weak(self: Arc<Self>) -> WeakAddress<D> {
        let weak = WeakMapped { inner: self.inner.clone().weak(), ways: self.ways.clone() };
        WeakAddress { way: Way::Mapped(Arc::new(weak)) }
    }
}

impl<C, D, I, B> Upgrade<D> for WeakMapped<C, I, B>
where
    C: 'static,
    D: Send + 'static,
    I: Fn(D) -> C + Send + Sync + 'static,
    B: Fn(C) -> D + Send + Sync + 'static,
{
    fn upgrade(&self) -> Option<Address<D>> {
        let inner = self.inner.upgrade()?;
        Some(Address::another(Arc::new(Mapped { inner: inner.port.clone(), ways: self.ways.clone() })))
    }

    fn is_gone(&self) -> bool {
        self.inner.is_gone()
    }

    fn living(&self) -> Option<CellId> {
        self.inner.living()
    }

    fn kill(&self) {
        self.inner.kill();
    }

    fn cell(&self) -> Option<CellId> {
        self.inner.cell()
    }

    fn place(&self) -> *const () {
        self.inner.place()
    }

    fn notice(&self, make: Notice<D>) {
        let ways = self.ways.clone();
        self.inner.notice(Box::new(move || make().map(&ways.into)));
    }
}
