use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A port that leads to another one, until it is cut.
pub struct Proxy {
    listener: Option<TcpListener>,
    pub port: u16,
    whole: watch::Sender<bool>,
}

impl Proxy {
    pub async fn bind() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        Self { listener: Some(listener), port, whole: watch::Sender::new(true) }
    }

    /// Leads to this port of loopback from now on.
    pub fn lead_to(&mut self, target: u16) {
        let (listener, whole) = (self.listener.take().unwrap(), self.whole.clone());
        tokio::spawn(async move {
            while let Ok((mut from, _)) = listener.accept().await {
                let mut whole = whole.subscribe();
                tokio::spawn(async move {
                    let lead = async {
                        let mut to = TcpStream::connect(("127.0.0.1", target)).await?;
                        copy_bidirectional(&mut from, &mut to).await
                    };
                    tokio::select! {
                        _ = whole.wait_for(|whole| !whole) => {}
                        _ = lead => {}
                    }
                });
            }
        });
    }

    /// Ends every connection, and each new one at once.
    pub fn cut(&self) {
        self.whole.send_replace(false);
    }

    pub fn mend(&self) {
        self.whole.send_replace(true);
    }
}
