# Nothing declared.
{}
