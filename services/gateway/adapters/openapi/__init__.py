"""The API's description, made from the route table and the structs that requests and answers are read into and from."""
