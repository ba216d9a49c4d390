mod requests;
mod vectors;
