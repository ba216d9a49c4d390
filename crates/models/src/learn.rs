//! Learning from tables: read a [`Frame`], say how by a [`Learner`], [`train`] a [`Model`], predict.
//!
//! Names, defaults and numbers are scikit-learn's; what differs and why stands at each algorithm. Nothing here reads a
//! file, a clock that decides, or the network: the same table and seed make the same model, byte for byte.
//!
//! ```
//! use std::ops::ControlFlow;
//! use tollgate_models::learn::{Frame, Learner, Values, train};
//!
//! let column = |name: &str, values: Vec<f64>| tollgate_models::learn::Column { name: name.to_owned(), values: Values::Numbers(values) };
//! let table = Frame::new(vec![column("hours", vec![1.0, 2.0, 3.0]), column("pay", vec![3.0, 5.0, 7.0])])?;
//! let data = serde_json::json!({ "target": "pay", "features": ["hours"] });
//! let learner = Learner::from_json(data.as_object().ok_or("an object")?)?;
//! let model = train(&learner, &table, &mut |_| ControlFlow::Continue(()))?;
//! let asked = Frame::new(vec![column("hours", vec![10.0])])?;
//! let Some(Values::Numbers(pay)) = model.predict(&asked)?.column("sample_0").map(|column| column.values.clone()) else { return Err("numbers".into()) };
//! assert!((pay[0] - 21.0).abs() < 1e-9);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod artifact;
mod csv;
mod design;
mod frame;
mod learner;
mod linear;
mod logistic;
mod metrics;
mod model;
#[cfg(feature = "onnx")]
pub mod onnx;
mod progress;
mod random;
mod target;
mod training;
mod trees;

pub use artifact::BadModel;
pub use csv::{BadCsv, CsvChunk, CsvRows, read_csv};
pub use design::BadColumn;
pub use frame::{BadFrame, Column, Frame, Values};
pub(crate) use frame::{Tally, unique};
pub use learner::{
    Algorithm, BadLearner, Boosting, FEATURES_MAX, Forest, Learner, Linear, Logistic, MaxFeatures, Ridge,
    Task, Tree,
};
pub use metrics::Metrics;
pub use model::{Model, PREDICTION, PredictError};
pub use progress::Cancelled;
pub use target::{BadTarget, CLASSES_MAX, Labels};
pub use training::{TrainError, train};
