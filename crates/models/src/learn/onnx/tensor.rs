//! Values in rows, columns and further directions, as requests bring them and models take them.

use tract_onnx::prelude::{Datum, DatumType, TValue, Tensor as TractTensor, tract_ndarray::ArrayD};

/// Values with a shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    values: TensorValues,
}

/// The values of a tensor, row by row.
#[derive(Debug, Clone, PartialEq)]
pub enum TensorValues {
    /// Numbers.
    Numbers(Vec<f64>),
    /// Whole numbers.
    Integers(Vec<i64>),
    /// Truth values.
    Booleans(Vec<bool>),
    /// Texts.
    Texts(Vec<String>),
}

/// What the values of a model's input or output are, by the names of the open inference protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Truth values.
    Bool,
    /// Whole numbers from 0 of 8 bits.
    Uint8,
    /// Whole numbers from 0 of 16 bits.
    Uint16,
    /// Whole numbers from 0 of 32 bits.
    Uint32,
    /// Whole numbers from 0 of 64 bits.
    Uint64,
    /// Whole numbers of 8 bits.
    Int8,
    /// Whole numbers of 16 bits.
    Int16,
    /// Whole numbers of 32 bits.
    Int32,
    /// Whole numbers of 64 bits.
    Int64,
    /// Numbers of 16 bits.
    Fp16,
    /// Numbers of 32 bits.
    Fp32,
    /// Numbers of 64 bits.
    Fp64,
    /// Texts.
    Bytes,
}

/// Why values make no tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the shape has room for {room} values, and {found} are given")]
pub struct BadTensor {
    /// How many values the shape has.
    pub room: usize,
    /// How many there are.
    pub found: usize,
}

impl Tensor {
    /// Values in a shape, row by row.
    ///
    /// # Errors
    /// [`BadTensor`] where there are more or fewer than the shape has.
    pub fn new(shape: Vec<usize>, values: TensorValues) -> Result<Self, BadTensor> {
        let room = shape.iter().fold(1_usize, |room, length| room.saturating_mul(*length));
        let found = values.len();
        if room == found { Ok(Self { shape, values }) } else { Err(BadTensor { room, found }) }
    }

    /// How long it is in each direction.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Its values, row by row.
    pub fn values(&self) -> &TensorValues {
        &self.values
    }
}

impl TensorValues {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(values) => values.len(),
            Self::Integers(values) => values.len(),
            Self::Booleans(values) => values.len(),
            Self::Texts(values) => values.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What they are, for an error.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Numbers(_) => "numbers",
            Self::Integers(_) => "whole numbers",
            Self::Booleans(_) => "truth values",
            Self::Texts(_) => "texts",
        }
    }
}

impl Kind {
    /// What the open inference protocol calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "BOOL",
            Self::Uint8 => "UINT8",
            Self::Uint16 => "UINT16",
            Self::Uint32 => "UINT32",
            Self::Uint64 => "UINT64",
            Self::Int8 => "INT8",
            Self::Int16 => "INT16",
            Self::Int32 => "INT32",
            Self::Int64 => "INT64",
            Self::Fp16 => "FP16",
            Self::Fp32 => "FP32",
            Self::Fp64 => "FP64",
            Self::Bytes => "BYTES",
        }
    }

    pub(super) fn of(datum: DatumType) -> Option<Self> {
        Some(match datum {
            DatumType::Bool => Self::Bool,
            DatumType::U8 => Self::Uint8,
            DatumType::U16 => Self::Uint16,
            DatumType::U32 => Self::Uint32,
            DatumType::U64 => Self::Uint64,
            DatumType::I8 => Self::Int8,
            DatumType::I16 => Self::Int16,
            DatumType::I32 => Self::Int32,
            DatumType::I64 => Self::Int64,
            DatumType::F16 => Self::Fp16,
            DatumType::F32 => Self::Fp32,
            DatumType::F64 => Self::Fp64,
            DatumType::String => Self::Bytes,
            _ => return None,
        })
    }

    fn datum(self) -> DatumType {
        match self {
            Self::Bool => DatumType::Bool,
            Self::Uint8 => DatumType::U8,
            Self::Uint16 => DatumType::U16,
            Self::Uint32 => DatumType::U32,
            Self::Uint64 => DatumType::U64,
            Self::Int8 => DatumType::I8,
            Self::Int16 => DatumType::I16,
            Self::Int32 => DatumType::I32,
            Self::Int64 => DatumType::I64,
            Self::Fp16 => DatumType::F16,
            Self::Fp32 => DatumType::F32,
            Self::Fp64 => DatumType::F64,
            Self::Bytes => DatumType::String,
        }
    }

    fn is_number(self) -> bool {
        !matches!(self, Self::Bool | Self::Bytes)
    }
}

/// The tensor in a model's kind; nothing where one does not turn into the other.
pub(super) fn write(tensor: &Tensor, kind: Kind) -> Option<TractTensor> {
    let shape = tensor.shape.as_slice();
    let native: TractTensor = match &tensor.values {
        TensorValues::Numbers(values) if kind.is_number() => array(shape, values.clone())?,
        TensorValues::Integers(values) if kind.is_number() => array(shape, values.clone())?,
        TensorValues::Booleans(values) if kind == Kind::Bool || kind.is_number() => {
            array(shape, values.clone())?
        }
        TensorValues::Texts(values) if kind == Kind::Bytes => array(shape, values.clone())?,
        _ => return None,
    };
    Some(native.cast_to_dt(kind.datum()).ok()?.into_owned())
}

/// What a model gave; nothing where its values are of no known kind.
pub(super) fn read(value: &TValue) -> Option<Tensor> {
    let kind = Kind::of(value.datum_type())?;
    let values = match kind {
        Kind::Bool => TensorValues::Booleans(listed(value)?),
        Kind::Bytes => TensorValues::Texts(listed(value)?),
        Kind::Fp16 | Kind::Fp32 | Kind::Fp64 => TensorValues::Numbers(listed(value)?),
        _ => TensorValues::Integers(listed(value)?),
    };
    Some(Tensor { shape: value.shape().to_vec(), values })
}

fn array<T: Datum>(shape: &[usize], values: Vec<T>) -> Option<TractTensor> {
    Some(ArrayD::from_shape_vec(shape, values).ok()?.into())
}

fn listed<T: Datum>(value: &TractTensor) -> Option<Vec<T>> {
    let cast = value.cast_to::<T>().ok()?;
    Some(cast.to_plain_array_view::<T>().ok()?.iter().cloned().collect())
}
