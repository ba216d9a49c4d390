use std::cell::Cell;

use tokio::sync::oneshot;

use super::*;

#[tokio::test]
async fn what_is_being_booked_is_finished_and_nothing_is_begun() {
    let (work, stop, booked) = (Work::default(), CancellationToken::new(), Cell::new(0));
    let (store_answers, answer) = oneshot::channel();
    let mut answer = Some(answer);
    let read = async {
        loop {
            // Something was read.
            tokio::task::yield_now().await;
            let _booking = work.begin();
            if let Some(answer) = answer.take() {
                stop.cancel();
                answer.await.unwrap();
            }
            booked.set(booked.get() + 1);
            if booked.get() == 100 {
                break;
            }
        }
    };
    let until = work.until(&stop, read);
    tokio::pin!(until);
    tokio::select! {
        biased;
        _ = &mut until => unreachable!("it was still being booked"),
        () = async { for _ in 0..10 { tokio::task::yield_now().await } } => {}
    }
    assert_eq!(booked.get(), 0);
    store_answers.send(()).unwrap();
    assert_eq!(until.await, None::<()>);
    assert_eq!(booked.get(), 1);
}

#[tokio::test]
async fn what_ends_by_itself_is_not_waited_for() {
    assert_eq!(Work::default().until(&CancellationToken::new(), async { 7 }).await, Some(7));
}
