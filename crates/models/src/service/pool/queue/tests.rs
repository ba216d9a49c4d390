use ulid::Ulid;

use super::{Full, Queue};

#[test]
fn consumers_take_turns_and_have_half_of_the_places_each() {
    let queue = Queue::new(5, 100);
    let mut ids = Vec::new();
    for consumer in ["a", "a", "a", "b"] {
        let id = Ulid::generate();
        queue.ticket(consumer, 1).unwrap().enter(id);
        ids.push(id);
    }
    assert_eq!(queue.ticket("a", 1).unwrap_err(), Full::Consumer);
    let promised = queue.ticket("c", 1).unwrap();
    assert_eq!(queue.ticket("d", 1).unwrap_err(), Full::All);
    // A place that is not used is given back.
    drop(promised);
    assert_eq!(queue.waiting(), 4);
    let order: Vec<usize> = (0..4)
        .map(|_| queue.next().unwrap().id())
        .map(|id| ids.iter().position(|one| *one == id).unwrap())
        .collect();
    assert_eq!((order, queue.waiting()), (vec![0, 3, 1, 2], 0));
    queue.stop();
    assert!(queue.next().is_none());
}

#[test]
fn a_job_that_is_called_off_leaves_the_line() {
    let queue = Queue::new(10, 100);
    let (one, other) = (Ulid::generate(), Ulid::generate());
    queue.ticket("a", 1).unwrap().enter(one);
    queue.ticket("a", 1).unwrap().enter(other);
    queue.cancel(one);
    assert!(queue.active(one).is_none());
    let running = queue.next().unwrap();
    assert_eq!((running.id(), queue.waiting()), (other, 0));
    queue.cancel(other);
    assert!(running.is_canceled());
    running.advance(0.5);
    assert!((running.progress() - 0.5).abs() < 1e-9);
    queue.done(&running);
    assert!(queue.active(other).is_none());
}

#[test]
fn requests_together_have_a_bound_too() {
    let queue = Queue::new(10, 100);
    let first = Ulid::generate();
    queue.ticket("a", 60).unwrap().enter(first);
    assert_eq!(queue.ticket("b", 41).unwrap_err(), Full::Bytes);
    drop(queue.ticket("b", 40).unwrap());
    let second = Ulid::generate();
    queue.ticket("b", 40).unwrap().enter(second);
    assert_eq!(queue.ticket("c", 1).unwrap_err(), Full::Bytes);
    // What leaves the line, in whatever way, gives back what it took.
    queue.cancel(second);
    assert_eq!(queue.next().unwrap().id(), first);
    queue.ticket("c", 100).unwrap();
}
