"""Does a label conform? Our grammar always; the standard's schema where the user has it.

May touch: lxml. The schema of the standard is not shipped, because its publisher forbids
reproduction; without the file the answer says "not run", never "valid".
"""

from dataclasses import dataclass
from typing import Any, Literal

from lxml import etree

from delian.label.errors import LabelFormError
from delian.label.grammar4774 import Finding, findings
from delian.label.xml_guard import parse_xml

SchemaState = Literal["not run", "valid", "invalid"]
MAX_SCHEMA_BYTES = 1024 * 1024
_XS = "{http://www.w3.org/2001/XMLSchema}"


@dataclass(frozen=True, slots=True)
class SchemaAnswer:
    """What the user's schema says, with at most ten of its complaints."""

    state: SchemaState
    complaints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """Findings of our grammar and the answer of the user's schema."""

    findings: tuple[Finding, ...]
    schema: SchemaAnswer

    @property
    def conforms(self) -> bool:
        """No finding, and no complaint of a schema that was run."""
        return not self.findings and self.schema.state != "invalid"


def check(data: bytes, schema: bytes | None = None) -> Report:
    """Check one label.

    Args:
        data: The XML document.
        schema: The user's copy of the schema, in one file, or None.

    Raises:
        LabelFormError: the schema itself cannot be used.
    """
    found = findings(data)
    if schema is None:
        return Report(found, SchemaAnswer("not run"))
    compiled = _compile(schema)
    if any(finding.rule == "xml" for finding in found):
        return Report(found, SchemaAnswer("invalid", ("not readable as XML",)))
    if compiled.validate(parse_xml(data)):
        return Report(found, SchemaAnswer("valid"))
    complaints = tuple(str(entry.message)[:300] for entry in list(compiled.error_log)[:10])
    return Report(found, SchemaAnswer("invalid", complaints))


def _compile(schema: bytes) -> Any:
    if len(schema) > MAX_SCHEMA_BYTES:
        raise LabelFormError("the schema file is larger than a schema may be")
    if b"<!DOCTYPE" in schema or b"<!ENTITY" in schema or b"\x00" in schema:
        raise LabelFormError("the schema file holds a document type")
    parser = etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True)
    try:
        root = etree.fromstring(schema, parser)
        for name in ("import", "include", "redefine"):
            if any(item.get("schemaLocation") for item in root.iter(_XS + name)):
                raise LabelFormError(
                    "the schema reads other files",
                    hint="give one file that holds the whole label schema",
                )
        return etree.XMLSchema(root)
    except etree.LxmlError as error:
        raise LabelFormError("the schema file is not an XML schema") from error
