# Nothing declared.
{ }
