//! ONNX models on tables: columns in, columns out.

use super::{OnnxModel, Port, RunError, Tensor, TensorValues};
use crate::learn::design;
use crate::learn::frame::{Column, Frame, Values};
use crate::learn::model::PREDICTION;

impl OnnxModel {
    /// The table with the model's outputs beside its columns.
    ///
    /// A model with one input of k features takes a table of k columns, in order; one with an input per column takes them
    /// by name, among others. The first output is `sample_0`; further ones have their own names. An output of several
    /// values per row becomes as many columns, numbered.
    ///
    /// # Errors
    /// [`RunError`] where the table does not fit the inputs, or the run fails.
    pub fn predict(&self, frame: &Frame) -> Result<Frame, RunError> {
        let mut predicted = frame.clone();
        self.answer(frame)?.into_columns().into_iter().for_each(|column| predicted.put(column));
        Ok(predicted)
    }

    /// The columns that [`Self::predict`] adds, alone; none where there are no rows.
    ///
    /// # Errors
    /// As [`Self::predict`].
    pub fn answer(&self, frame: &Frame) -> Result<Frame, RunError> {
        let inputs = self.tensors(frame)?;
        let mut answer = Frame::of_rows(frame.rows());
        if frame.rows() == 0 {
            return Ok(answer);
        }
        for (place, (name, tensor)) in self.run(&inputs)?.into_iter().enumerate() {
            columns(place, &name, &tensor, frame.rows())?.into_iter().for_each(|column| answer.put(column));
        }
        Ok(answer)
    }

    /// The inputs that the table's columns make.
    fn tensors(&self, frame: &Frame) -> Result<Vec<(String, Tensor)>, RunError> {
        if let [port] = self.inputs()
            && let [rows, Some(features)] = port.shape.as_slice()
            && (*features > 1 || frame.column(&port.name).is_none())
        {
            let found = frame.columns().len();
            if found != *features {
                return Err(RunError::Features { expected: *features, found });
            }
            if rows.is_some_and(|rows| rows != frame.rows()) {
                return Err(port.wrong_shape(&[frame.rows(), *features]));
            }
            return Ok(vec![(port.name.clone(), together(frame)?)]);
        }
        self.inputs().iter().map(|port| Ok((port.name.clone(), self.column(port, frame)?))).collect()
    }

    /// The column that has the input's name, in the input's shape.
    fn column(&self, port: &Port, frame: &Frame) -> Result<Tensor, RunError> {
        let column = design::named(frame, &port.name)?;
        let shape = match port.shape.as_slice() {
            [_] => vec![frame.rows()],
            [_, Some(1) | None] => vec![frame.rows(), 1],
            _ => return Err(RunError::NotTabular(self.takes())),
        };
        let values = match &column.values {
            Values::Texts(texts) if port.kind == super::Kind::Bytes => TensorValues::Texts(
                texts.iter().map(|text| text.as_deref().unwrap_or_default().to_owned()).collect(),
            ),
            Values::Integers(integers) => TensorValues::Integers(integers.clone()),
            _ => TensorValues::Numbers(design::numbers(column)?.into_owned()),
        };
        let wrong = |_| port.wrong_shape(&[column.values.len()]);
        Tensor::new(shape, values).map_err(wrong)
    }
}

/// All columns as one tensor, row by row.
fn together(frame: &Frame) -> Result<Tensor, RunError> {
    let columns: Vec<_> = frame.columns().iter().map(design::numbers).collect::<Result<_, _>>()?;
    let mut values = Vec::with_capacity(frame.rows() * columns.len());
    for row in 0..frame.rows() {
        values.extend(columns.iter().map(|column| column[row]));
    }
    Tensor::new(vec![frame.rows(), columns.len()], TensorValues::Numbers(values))
        .map_err(|_| RunError::Failed)
}

/// An output as columns.
fn columns(place: usize, name: &str, tensor: &Tensor, rows: usize) -> Result<Vec<Column>, RunError> {
    let values = tensor.values();
    if !values.len().is_multiple_of(rows) || tensor.shape().first().is_some_and(|length| *length != rows) {
        return Err(RunError::Failed);
    }
    let width = values.len() / rows;
    let name = |index: usize| match (place, width) {
        (0, 1) => PREDICTION.to_owned(),
        (0, _) => format!("sample_{index}"),
        (_, 1) => name.to_owned(),
        (_, _) => format!("{name}_{index}"),
    };
    let column = |index: usize| Column {
        name: name(index),
        values: match values {
            TensorValues::Numbers(values) => Values::Numbers(every(values, index, width).collect()),
            TensorValues::Integers(values) => Values::Integers(every(values, index, width).collect()),
            TensorValues::Booleans(values) => {
                Values::Booleans(every(values, index, width).map(Some).collect())
            }
            TensorValues::Texts(values) => {
                Values::Texts(every(values, index, width).map(|text| Some(text.into())).collect())
            }
        },
    };
    Ok((0..width).map(column).collect())
}

fn every<T: Clone>(values: &[T], from: usize, width: usize) -> impl Iterator<Item = T> {
    values.iter().skip(from).step_by(width).cloned()
}
