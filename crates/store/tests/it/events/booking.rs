use crate::events::chain::Chain;
use crate::harness::{at, for_each_store};

#[test]
fn an_event_goes_in_once() {
    for_each_store(async |store, _| {
        let mut chain = Chain::new(0);
        let events = chain.calls(10);
        let seals = [chain.seal()];
        let booked = store.book(&events, &seals, at(60)).await.unwrap();
        assert_eq!((booked.inserted, booked.duplicates, booked.alarms.len()), (10, 0, 0));
        let before = store.digests().await.unwrap();
        let booked = store.book(&events, &seals, at(61)).await.unwrap();
        assert_eq!((booked.inserted, booked.duplicates, booked.alarms.len()), (0, 10, 0));
        assert_eq!(store.digests().await.unwrap(), before);
    });
}
