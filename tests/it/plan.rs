//! Plans: what they say, and that they lead where they should.

mod cases;
