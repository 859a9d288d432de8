"""What the original's two schema libraries accept and refuse, we do."""

import pytest

from broker.avro_schema import compile_avro_schema, load_avro_schema
from broker.errors import SchemaInvalid
from broker.json_schema import compile_json_schema, load_json_schema


def is_valid(schema, document):
    return compile_json_schema(schema).violations(document) == []


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        (
            "date-time",
            ["2020-01-01", "12:00:00", "12:00:00Z", "2020-01-01T12:00:00.5+01:00", "0000-02-29", "1:02:03"],
            ["2020-01-01T12:00:00", "2020-01-01 12:00:00Z", "2020-02-30", "24:00:00", "now", ""],
        ),
        ("time", ["12:00:00", "12:00:00.123", "12:00:00Z", "12:00:00+02:00"], ["12:00", "25:00:00", "2020-01-01"]),
        ("date", ["2020-02-29"], ["2019-02-29", "2020-1-1", "12:00:00"]),
        (
            "uuid",
            ["12345678-1234-1234-1234-123456789abc"],
            ["12345678-1234-1234-1234-123456789ABC", "no", "12345678123412341234123456789abc"],
        ),
        (
            "email",
            ["a@b", "first.last@example.org", "Name <a@example.org>", '"quoted x"@b', "ä@example.org"],
            ["a", "a@", "@b", "a@b@c", "a b@c", ".a@b", "a..b@c", ""],
        ),
        ("idn-email", ["ä@ö.example"], ["none"]),
        ("hostname", ["h", "a-b.example.org"], ["-a", "a_b", "a..b", ""]),
        ("ipv4", ["1.2.3.4"], ["1.2.3", "1.2.3.256", "::1"]),
        ("ipv6", ["::1", "::ffff:1.2.3.4"], ["1.2.3.4", "fe80::1%eth0"]),
        ("uri", ["http://h/x?y#z", "mailto:a@b", "a:b"], ["/x", "http://h:port/", "http://a b/", "http://h/%zz", ":x"]),
        ("uri-reference", ["/x", "x", "", "http://h/"], ["1:x", "a\\b", "%zz"]),
        ("uri-template", ["http://h/{x}", "/{x}/{y}"], ["http://h/{x", "/{x"]),
        ("regex", ["^a+$", ""], ["(", "(?<=x)"]),
        ("json-pointer", ["", "/a/~0~1"], ["a", "/~2"]),
        ("relative-json-pointer", ["0#", "1/a"], ["01", "a"]),
        ("anything-else", ["x"], []),
    ],
)
def test_formats(name, good, bad):
    schema = {"format": name}
    assert [text for text in good if not is_valid(schema, text)] == []
    assert [text for text in bad if is_valid(schema, text)] == []


def test_a_number_has_no_format_and_other_values_are_not_asked():
    assert compile_json_schema({"format": "email"}).violations(3) == ["(root): Does not match format 'email'"]
    assert is_valid({"format": "email"}, [1])
    assert is_valid({"format": "email"}, None)
    assert is_valid({"format": "unknown"}, 3)


def test_a_mail_address_of_any_length_is_judged_at_once():
    assert not is_valid({"format": "email"}, "a " * 400 + "<")


def test_without_a_draft_exclusive_bounds_are_numbers_or_truths():
    both = {"minimum": 3, "exclusiveMinimum": True, "maximum": 5, "exclusiveMaximum": True}
    assert [number for number in (3, 4, 5) if is_valid(both, number)] == [4]
    assert [number for number in (3, 4, 5) if is_valid({"exclusiveMinimum": 3, "exclusiveMaximum": 5}, number)] == [4]
    assert is_valid({"minimum": 3, "exclusiveMinimum": False}, 3)
    assert compile_json_schema(both).violations(3) == ["(root): Must be greater than 3"]
    draft_04 = {"$schema": "http://json-schema.org/draft-04/schema#"}
    assert not is_valid({**draft_04, "minimum": 3, "exclusiveMinimum": True}, 3)
    assert is_valid({**draft_04, "type": "integer"}, 1.0)
    assert is_valid({**draft_04, "const": 1}, 2)


@pytest.mark.parametrize(
    ("definition", "text"),
    [
        ({"$ref": "#/definitions/none"}, "Reference #/definitions/none cannot be resolved"),
        ({"properties": {"a": {"$ref": "other.json"}}}, "Reference other.json cannot be resolved"),
        ({"items": {"$ref": "https://example.org/x"}}, "Reference https://example.org/x cannot be resolved"),
        ({"minLength": 3, "maxLength": 2}, "minLength cannot be greater than maxLength"),
        ({"minProperties": 3, "maxProperties": 2}, "minProperties cannot be greater than maxProperties"),
        ({"enum": [1, "a", 1.0]}, "enum items must be unique"),
        ({"enum": [{"a": 1}, {"a": 1}]}, "enum items must be unique"),
        ({"enum": 3}, "enum must be of an array"),
        ({"type": ["string", "string"]}, "string type is duplicated"),
        ({"type": 3}, "Invalid type. Expected: string/array of strings, given: type"),
        ({"exclusiveMinimum": True}, "exclusiveMinimum cannot be used without minimum"),
        ({"multipleOf": 0}, "multipleOf must be strictly greater than 0"),
        ({"multipleOf": "3"}, "Invalid type. Expected: number, given: multipleOf"),
        ({"minLength": 1.5}, "minLength must be of an integer"),
        ({"minimum": "3"}, "minimum must be of a number"),
        ({"pattern": 3}, "pattern must be of a string"),
        ({"format": 3}, "format must be of type string"),
        ({"title": 3}, "Invalid type. Expected: string, given: title"),
        ({"$id": 3}, "Invalid type. Expected: string, given: $id"),
        ({"$schema": 3}, "Invalid type. Expected: string, given: $schema"),
        ({"properties": {"a": 3}}, "Expected: valid schema, given: Invalid JSON"),
        ({"items": 3}, "Invalid type. Expected: valid schema/array of schemas, given: items"),
        ({"required": [1]}, "required items must be string"),
        ({"required": "a"}, "required must be of an array"),
        ({"dependencies": {"a": 3}}, "dependency must be of type schema or array of strings"),
        ({"definitions": {"a": 3}}, "Invalid type. Expected: array of schemas, given: definitions"),
        ({"not": 3}, "not must be of an object"),
        ({"oneOf": {}}, "oneOf must be of an array"),
        ({"uniqueItems": 1}, "uniqueItems must be of a boolean"),
    ],
)
def test_a_json_schema_that_is_none_is_refused_when_it_is_made(definition, text):
    with pytest.raises(SchemaInvalid) as refused:
        compile_json_schema(definition)
    assert refused.value.reason == text


@pytest.mark.parametrize(
    "definition",
    [
        {"enum": [1, True, "1", None, 0, False]},
        {"minLength": 2.0, "maxLength": 2},
        {"definitions": {"a": {"type": "string"}}, "$ref": "#/definitions/a"},
        {"$id": "http://h/root", "items": {"$id": "#here"}, "properties": {"a": {"$ref": "#here"}}},
        {"properties": {"$ref": {"type": "string"}}},
        {"$ref": "http://json-schema.org/draft-07/schema#"},
        {"oneOf": [], "required": [], "unknown": {"type": 3}},
        {"$schema": "http://example.org/mine", "contains": True},
    ],
)
def test_what_the_original_takes_for_a_json_schema_is_one(definition):
    compile_json_schema(definition)


def test_what_was_stored_under_older_rules_still_checks():
    assert load_json_schema({"minLength": 3, "maxLength": 2}).violations(1) == []
    field = {"name": "a", "type": "string"}
    stored = load_avro_schema({"type": "record", "name": "r", "fields": [field, field]})
    assert list(stored.read(b"\x02a\x02b").values()) == ["a", "b"]
    for broken in ({"type": "x"}, {"type": "enum", "name": "e"}):
        with pytest.raises(SchemaInvalid):
            load_avro_schema(broken)
    with pytest.raises(SchemaInvalid):
        load_json_schema({"type": "x"})


def record(*fields, **more):
    return {"type": "record", "name": "r", "fields": list(fields), **more}


@pytest.mark.parametrize(
    ("definition", "datum"),
    [
        ({"type": ["null", "string"]}, b"\x02\x02a"),
        ({"type": {"type": {"type": "string"}}}, b"\x02a"),
        ({"type": "string"}, b"\x02\xff"),
        ({"type": "int", "logicalType": "time-millis"}, b"\xff\xff\xff\xff\x0f"),
        ({"type": "int", "logicalType": "date"}, b"\xfe\xff\xff\xff\x0f"),
        ({"type": "bytes", "logicalType": "decimal", "precision": 1, "scale": 0}, b"\x04\xff\xff"),
        ({"type": "string", "logicalType": "uuid"}, b"\x02x"),
        (record({"name": "a", "type": "long"}, {"name": "b", "type": "double", "default": 1}), b"\x02" + b"\0" * 8),
        (record({"name": "a", "type": ["null", "string"], "default": None}), b"\x00"),
        (record({"name": "a", "type": ["string", "null"], "default": "x"}, namespace="n.s"), b"\x00\x02x"),
        ({"type": "map", "values": "boolean"}, b"\x02\x02a\x01\x00"),
        ({"type": "array", "items": "long"}, b"\x03\x04\x02\x04\x00"),
        ({"type": "fixed", "name": "f", "size": 2}, b"abc"),
    ],
)
def test_avro_that_the_original_takes(definition, datum):
    compile_avro_schema(definition).read(datum)


@pytest.mark.parametrize(
    ("definition", "datum"),
    [
        ({"type": "boolean"}, b"\x05"),
        ({"type": "enum", "name": "e", "symbols": ["A"]}, b"\x01"),
        ({"type": "enum", "name": "e", "symbols": ["A"]}, b"\x02"),
        ({"type": ["null"]}, b"\x01"),
        ({"type": "string"}, b"\x01"),
        ({"type": "map", "values": "null"}, b"\x04\x02a\x02a\x00"),
        ({"type": "fixed", "name": "f", "size": 2}, b"a"),
        ({"type": "double"}, b"\x00" * 7),
    ],
)
def test_datums_that_the_original_refuses(definition, datum):
    with pytest.raises(ValueError, match="cannot decode binary"):
        compile_avro_schema(definition).read(datum)


@pytest.mark.parametrize(
    ("definition", "text"),
    [
        (record({"name": "a", "type": "int"}, {"name": "a", "type": "int"}), "ought to have unique name"),
        (record({"type": "int"}), "ought to have valid name"),
        (record({"name": "a b", "type": "int"}), "ought to have valid name"),
        (record(), "fields ought to be non-empty array"),
        ({"type": "record", "name": "1r", "fields": [{"name": "a", "type": "int"}]}, "start with"),
        ({"type": "record", "fields": [{"name": "a", "type": "int"}]}, "Record ought to have valid name"),
        ({"type": "enum", "name": "e", "symbols": []}, "symbols ought to be non-empty"),
        ({"type": "enum", "name": "e", "symbols": [3]}, "symbol 1 ought to be non-empty string"),
        ({"type": "enum", "name": "e", "symbols": ["a-b"]}, "symbol 1 ought to have second"),
        ({"type": "enum", "name": "e"}, "ought to have symbols key"),
        (record({"name": "a", "type": "int", "default": "x"}), "default value ought to encode"),
        (record({"name": "a", "type": "int", "default": 1.5}), "default value ought to encode"),
        (record({"name": "a", "type": "int", "default": 2**40}), "default value ought to encode"),
        (record({"name": "a", "type": ["null", "int"], "default": 3}), "default value ought to encode"),
        (record({"name": "a", "type": "boolean", "default": 1}), "default value ought to encode"),
        (record({"name": "a", "type": {"type": "array", "items": "int"}, "default": {}}), "default value ought to"),
        ({"type": ["int", "int"]}, "ought to be unique type"),
        ({"type": []}, "Union ought to have one or more members"),
        ({"type": 3}, "type ought to be either string"),
        ({"type": "array"}, "Array ought to have items key"),
        ({"type": "map", "values": {}}, "Map values ought to be valid Avro type: missing type: map"),
        ({"type": "fixed", "name": "f", "size": "3"}, "size ought to be number greater than zero"),
        ({"type": "enum", "name": "e", "namespace": 3, "symbols": ["A"]}, "namespace, if provided"),
    ],
)
def test_avro_schemas_that_the_original_refuses(definition, text):
    with pytest.raises(SchemaInvalid) as refused:
        compile_avro_schema(definition)
    assert text in refused.value.reason


def test_a_few_bytes_never_stand_for_endless_work():
    definition = "null"
    for n in range(30):
        definition = {"type": "record", "name": f"r{n}", "fields": [{"name": x, "type": definition} for x in "ab"]}
        definition["fields"][1]["type"] = f"r{n - 1}" if n else "null"
    with pytest.raises(ValueError, match="too complex"):
        compile_avro_schema(definition).read(b"")
