//! Tables as comma-separated text, with the names of the columns in the first line.
//!
//! A column is as narrow as its cells allow: whole numbers, numbers, truth values (`true`, `false`), else texts. An empty
//! cell, `NA`, `NaN` and `null` are missing.

mod builder;
mod source;

use std::io::{self, Read};

use ::csv::{ByteRecord, ErrorKind, Reader, ReaderBuilder};

use super::frame::{BadFrame, Column, Frame, unique};
use builder::Builder;
use source::Source;

/// Rows between two reports of how far the reading is.
const REPORT_ROWS: u64 = 4_096;

/// Why a text makes no table.
#[derive(Debug, thiserror::Error)]
pub enum BadCsv {
    /// It cannot be read at all.
    #[error("it cannot be read")]
    Io(#[from] io::Error),
    /// The names or rows make no table.
    #[error(transparent)]
    Frame(#[from] BadFrame),
    /// A wanted column is not there.
    #[error("there is no column `{0}`")]
    Unknown(String),
    /// Something is no text.
    #[error("line {line} is not UTF-8")]
    NotText {
        /// The line, counted from 1.
        line: u64,
    },
    /// A row has no end within bounds.
    #[error("the row that begins in line {line} has more than 64 MiB")]
    TooLong {
        /// The line, counted from 1.
        line: u64,
    },
    /// A quote is opened, and nothing closes it.
    #[error("a quote of the row that begins in line {line} is never closed")]
    Unclosed {
        /// The line, counted from 1.
        line: u64,
    },
    /// There is no first line.
    #[error("it is empty; its first line must name the columns")]
    Empty,
}

/// Reads the columns called `wanted`, or all of them, from a text that `open` opens from its beginning.
///
/// Only what is wanted is kept, eight bytes a number. The text is opened again where a column turns out to be no numbers
/// after all: numbers that are thrown away cost less than texts that are kept in case.
///
/// # Errors
/// [`BadCsv`] where the text cannot be read or makes no table.
pub fn read_csv<R: Read>(
    mut open: impl FnMut() -> io::Result<R>,
    wanted: Option<&[String]>,
    mut on_bytes: impl FnMut(u64),
) -> Result<Frame, BadCsv> {
    let mut texts: Vec<usize> = Vec::new();
    loop {
        let mut rows = CsvRows::new(open()?)?;
        let places = rows.places(wanted)?;
        let builder =
            |place: &usize| if texts.contains(place) { Builder::texts() } else { Builder::default() };
        let mut builders: Vec<Builder> = places.iter().map(builder).collect();
        let mut widened = None;
        while widened.is_none() && rows.advance()? {
            if rows.row().is_multiple_of(REPORT_ROWS) {
                on_bytes(rows.bytes());
            }
            for (place, builder) in places.iter().zip(&mut builders) {
                if builder.push(rows.cell(*place)?).is_err() {
                    widened = Some(*place);
                    break;
                }
            }
        }
        match widened {
            Some(place) => texts.push(place),
            None => {
                let names = places.iter().filter_map(|place| rows.names.get(*place));
                let column = |(name, builder): (&String, Builder)| Column {
                    name: name.clone(),
                    values: builder.finish(),
                };
                return Ok(Frame::new(names.zip(builders).map(column).collect())?);
            }
        }
    }
}

/// The rows of a comma-separated text, one at a time.
pub struct CsvRows<R> {
    reader: Reader<Source<R>>,
    names: Vec<String>,
    record: ByteRecord,
    row: u64,
}

impl<R: Read> CsvRows<R> {
    /// Reads the names of the columns.
    ///
    /// # Errors
    /// [`BadCsv`] where there are none, or two are the same.
    pub fn new(from: R) -> Result<Self, BadCsv> {
        let reader = ReaderBuilder::new().flexible(true).has_headers(false).from_reader(Source::new(from));
        let mut rows = Self { reader, names: Vec::new(), record: ByteRecord::new(), row: 0 };
        if !rows.read()? {
            return Err(BadCsv::Empty);
        }
        let text = |cell: &[u8]| {
            String::from_utf8(cell.trim_ascii().to_vec()).map_err(|_| BadCsv::NotText { line: 1 })
        };
        rows.names = rows.record.iter().map(text).collect::<Result<_, _>>()?;
        unique(rows.names.iter().map(String::as_str))?;
        Ok(rows)
    }

    /// The names of the columns, in order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Goes on to the next row; false behind the last one.
    ///
    /// # Errors
    /// [`BadCsv`] where it cannot be read or has another number of cells.
    pub fn advance(&mut self) -> Result<bool, BadCsv> {
        if !self.read()? {
            return Ok(false);
        }
        self.row += 1;
        let (expected, found) = (self.names.len(), self.record.len());
        let row = usize::try_from(self.row).unwrap_or(usize::MAX);
        if expected == found { Ok(true) } else { Err(BadFrame::Ragged { row, expected, found }.into()) }
    }

    /// Reads a row, whatever it has; false behind the last one.
    fn read(&mut self) -> Result<bool, BadCsv> {
        self.reader.get_mut().next_row();
        let line = self.reader.position().line();
        let read = self.reader.read_byte_record(&mut self.record);
        let found = read.map_err(|error| match error.into_kind() {
            ErrorKind::Io(error) if source::is_too_long(&error) => BadCsv::TooLong { line },
            ErrorKind::Io(error) => BadCsv::Io(error),
            // Nothing else is wrong with bytes of any number of cells.
            other => BadCsv::Io(io::Error::other(format!("{other:?}"))),
        })?;
        if !found || !self.reader.get_ref().is_past(self.reader.position().byte()) {
            return Ok(found);
        }
        if source::is_mark(self.record.iter()) { Ok(false) } else { Err(BadCsv::Unclosed { line }) }
    }

    /// Which row this is, counted from 1.
    pub fn row(&self) -> u64 {
        self.row
    }

    /// How many bytes are read.
    pub fn bytes(&self) -> u64 {
        self.reader.position().byte()
    }

    /// The cells of this row, as they stand there without their quotes.
    pub fn cells(&self) -> impl Iterator<Item = &[u8]> {
        self.record.iter()
    }

    fn cell(&self, place: usize) -> Result<&str, BadCsv> {
        let line = self.record.position().map_or(0, ::csv::Position::line);
        str::from_utf8(self.record.get(place).unwrap_or_default()).map_err(|_| BadCsv::NotText { line })
    }

    fn places(&self, wanted: Option<&[String]>) -> Result<Vec<usize>, BadCsv> {
        let place = |wanted: &String| {
            let place = self.names.iter().position(|name| name == wanted);
            place.ok_or_else(|| BadCsv::Unknown(wanted.clone()))
        };
        match wanted {
            Some(wanted) => wanted.iter().map(place).collect(),
            None => Ok((0..self.names.len()).collect()),
        }
    }
}

/// Rows that were read, ready to be predicted together.
pub struct CsvChunk {
    places: Vec<usize>,
    names: Vec<String>,
    cells: Vec<Vec<String>>,
}

impl CsvChunk {
    /// Room for the columns called `wanted` of these rows, or for all.
    ///
    /// # Errors
    /// [`BadCsv::Unknown`] where one is not there.
    pub fn new<R: Read>(rows: &CsvRows<R>, wanted: Option<&[String]>) -> Result<Self, BadCsv> {
        let places = rows.places(wanted)?;
        let names: Vec<String> = places.iter().filter_map(|place| rows.names.get(*place)).cloned().collect();
        let cells = names.iter().map(|_| Vec::new()).collect();
        Ok(Self { places, names, cells })
    }

    /// Keeps the row that was read last.
    ///
    /// # Errors
    /// [`BadCsv::NotText`] where it is no text.
    pub fn keep<R: Read>(&mut self, rows: &CsvRows<R>) -> Result<(), BadCsv> {
        for (place, column) in self.places.iter().zip(&mut self.cells) {
            column.push(rows.cell(*place)?.to_owned());
        }
        Ok(())
    }

    /// The rows that were kept, which are then forgotten.
    ///
    /// # Errors
    /// [`BadCsv::Frame`] never, since rows are checked when they are read.
    pub fn take(&mut self) -> Result<Frame, BadCsv> {
        let columns = self.names.iter().zip(&mut self.cells);
        let column = |(name, cells): (&String, &mut Vec<String>)| {
            let values = Builder::of(cells).finish();
            cells.clear();
            Column { name: name.clone(), values }
        };
        Ok(Frame::new(columns.map(column).collect())?)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
