//! The same for tasks: they stand in one queue with the threads, and what makes the value may itself wait.
//!
//! ```text
//!   get_or_init_async ──> waits for a run that is under way ──> EMPTY, or handed on: the run is ours; `make` is polled
//!          | dropped: linked no more,                                 | dropped, failed, panicked: handed on, to the
//!          v          and a run that came meanwhile is handed on      v oldest who waits, thread or task
//! ```

use super::waiting::{Running, Watching};
use super::{Once, Run};
use crate::sync::park::Wait;
use std::convert::Infallible;

impl<T> Once<T> {
    /// A future of [`wait`](Once::wait). It may be dropped at any time. Do not leak it.
    pub async fn wait_async(&self) -> &T {
        loop {
            if let Some(value) = Wait::new(Watching(self)).await {
                return value;
            }
        }
    }

    /// The value; made by what `make` returns if it is not there, which is polled as a part of this future. If another makes it
    /// now, thread or task, waits for that one.
    ///
    /// It may be dropped at any time: if it was making the value, the next who waits makes it. Do not leak it. A `make` that asks
    /// for this very value waits for itself for ever; so does a thread that blocks for a value which a task makes that only this
    /// thread would poll.
    ///
    /// # Panics
    /// If `make` does; then the next who waits makes it.
    ///
    /// ```
    /// use rsm::sync::once::Once;
    /// # async fn connect() -> u32 { 7 }
    /// # fn block_on<F: Future>(future: F) -> F::Output {
    /// #     let mut future = std::pin::pin!(future);
    /// #     loop {
    /// #         match future.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
    /// #             std::task::Poll::Ready(output) => return output,
    /// #             std::task::Poll::Pending => std::thread::yield_now(),
    /// #         }
    /// #     }
    /// # }
    ///
    /// // Ten tasks on ten threads need the connection; one connects, and the others wait for it.
    /// static CONNECTION: Once<u32> = Once::new();
    /// std::thread::scope(|scope| {
    ///     for _ in 0..10 {
    ///         scope.spawn(|| assert_eq!(*block_on(CONNECTION.get_or_init_async(connect)), 7));
    ///     }
    /// });
    /// ```
    pub async fn get_or_init_async<F: Future<Output = T>>(&self, make: impl FnOnce() -> F) -> &T {
        let Ok(value) = self.get_or_try_init_async(async || Ok::<T, Infallible>(make().await)).await;
        value
    }

    /// As [`get_or_init_async`](Once::get_or_init_async), with a `make` that may fail: then there is still no value, and the next
    /// who waits tries to make it.
    ///
    /// # Errors
    /// That of `make`. Others' errors are theirs.
    pub async fn get_or_try_init_async<E, F>(&self, make: impl FnOnce() -> F) -> Result<&T, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        if let Some(value) = self.get() {
            return Ok(value);
        }
        match Wait::new(Running(self)).await {
            Some(value) => Ok(value),
            None => {
                let run = Run(self);
                Ok(run.end(make().await?))
            }
        }
    }
}
