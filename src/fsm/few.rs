//! A list that is nearly always empty or of one, and allocates nothing then.

/// None, one, or several, in order.
#[derive(Debug, Default)]
pub(crate) enum Few<T> {
    #[default]
    None,
    One(T),
    Many(Vec<T>),
}

impl<T> Few<T> {
    #[inline]
    pub(crate) fn push(&mut self, value: T) {
        match self {
            Few::Many(all) => all.push(value),
            Few::None => *self = Few::One(value),
            Few::One(_) => self.push_second(value),
        }
    }

    #[cold]
    fn push_second(&mut self, value: T) {
        let mut all: Vec<T> = std::mem::take(self).into_iter().collect();
        all.push(value);
        *self = Few::Many(all);
    }

    /// Empties it, and keeps the memory of several for the next.
    #[inline]
    pub(crate) fn clear(&mut self) {
        match self {
            Few::None => {}
            Few::One(_) => *self = Few::None,
            Few::Many(all) => all.clear(),
        }
    }

    pub(crate) fn as_slice(&self) -> &[T] {
        match self {
            Few::None => &[],
            Few::One(one) => std::slice::from_ref(one),
            Few::Many(all) => all,
        }
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        match self {
            Few::None => &mut [],
            Few::One(one) => std::slice::from_mut(one),
            Few::Many(all) => all,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.as_slice().len()
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Few::None => true,
            Few::One(_) => false,
            Few::Many(all) => all.is_empty(),
        }
    }
}

impl<T> IntoIterator for Few<T> {
    type Item = T;
    type IntoIter = Iter<T>;

    #[inline]
    fn into_iter(self) -> Iter<T> {
        match self {
            Few::None => Iter::One(None),
            Few::One(one) => Iter::One(Some(one)),
            Few::Many(all) => Iter::Many(all.into_iter()),
        }
    }
}

/// What is left of a list that is taken apart.
pub(crate) enum Iter<T> {
    One(Option<T>),
    Many(std::vec::IntoIter<T>),
}

impl<T> Iterator for Iter<T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        match self {
            Iter::One(one) => one.take(),
            Iter::Many(many) => many.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pushed_comes_out_in_order_however_many_there_are() {
        for len in 0..5 {
            let mut few = Few::default();
            (0..len).for_each(|n| few.push(n));
            assert_eq!((few.len(), few.is_empty()), (len, len == 0));
            assert_eq!(few.as_slice(), (0..len).collect::<Vec<_>>());
            few.as_mut_slice().reverse();
            let again = (few.clear(), few.len());
            assert_eq!(again, ((), 0));
            (0..len).rev().for_each(|n| few.push(n));
            assert_eq!(few.into_iter().collect::<Vec<_>>(), (0..len).rev().collect::<Vec<_>>());
        }
    }
}
