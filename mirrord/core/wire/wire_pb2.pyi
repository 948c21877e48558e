from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Message(_message.Message):
    __slots__ = ("hello", "summary", "buckets", "listing", "record_request", "records", "blob_request", "blob_chunk", "blob_missing", "goodbye", "probe", "probe_result")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    BUCKETS_FIELD_NUMBER: _ClassVar[int]
    LISTING_FIELD_NUMBER: _ClassVar[int]
    RECORD_REQUEST_FIELD_NUMBER: _ClassVar[int]
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    BLOB_REQUEST_FIELD_NUMBER: _ClassVar[int]
    BLOB_CHUNK_FIELD_NUMBER: _ClassVar[int]
    BLOB_MISSING_FIELD_NUMBER: _ClassVar[int]
    GOODBYE_FIELD_NUMBER: _ClassVar[int]
    PROBE_FIELD_NUMBER: _ClassVar[int]
    PROBE_RESULT_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    summary: Summary
    buckets: Buckets
    listing: Listing
    record_request: RecordRequest
    records: Records
    blob_request: BlobRequest
    blob_chunk: BlobChunk
    blob_missing: BlobMissing
    goodbye: Goodbye
    probe: Probe
    probe_result: ProbeResult
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., summary: _Optional[_Union[Summary, _Mapping]] = ..., buckets: _Optional[_Union[Buckets, _Mapping]] = ..., listing: _Optional[_Union[Listing, _Mapping]] = ..., record_request: _Optional[_Union[RecordRequest, _Mapping]] = ..., records: _Optional[_Union[Records, _Mapping]] = ..., blob_request: _Optional[_Union[BlobRequest, _Mapping]] = ..., blob_chunk: _Optional[_Union[BlobChunk, _Mapping]] = ..., blob_missing: _Optional[_Union[BlobMissing, _Mapping]] = ..., goodbye: _Optional[_Union[Goodbye, _Mapping]] = ..., probe: _Optional[_Union[Probe, _Mapping]] = ..., probe_result: _Optional[_Union[ProbeResult, _Mapping]] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("version_min", "version_max", "agent", "unix_seconds", "collections", "seen_at")
    VERSION_MIN_FIELD_NUMBER: _ClassVar[int]
    VERSION_MAX_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    UNIX_SECONDS_FIELD_NUMBER: _ClassVar[int]
    COLLECTIONS_FIELD_NUMBER: _ClassVar[int]
    SEEN_AT_FIELD_NUMBER: _ClassVar[int]
    version_min: int
    version_max: int
    agent: str
    unix_seconds: int
    collections: _containers.RepeatedScalarFieldContainer[bytes]
    seen_at: bytes
    def __init__(self, version_min: _Optional[int] = ..., version_max: _Optional[int] = ..., agent: _Optional[str] = ..., unix_seconds: _Optional[int] = ..., collections: _Optional[_Iterable[bytes]] = ..., seen_at: _Optional[bytes] = ...) -> None: ...

class Summary(_message.Message):
    __slots__ = ("collection", "root", "records")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    ROOT_FIELD_NUMBER: _ClassVar[int]
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    collection: bytes
    root: int
    records: int
    def __init__(self, collection: _Optional[bytes] = ..., root: _Optional[int] = ..., records: _Optional[int] = ...) -> None: ...

class Buckets(_message.Message):
    __slots__ = ("collection", "bits", "digests")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    BITS_FIELD_NUMBER: _ClassVar[int]
    DIGESTS_FIELD_NUMBER: _ClassVar[int]
    collection: bytes
    bits: int
    digests: bytes
    def __init__(self, collection: _Optional[bytes] = ..., bits: _Optional[int] = ..., digests: _Optional[bytes] = ...) -> None: ...

class Listing(_message.Message):
    __slots__ = ("collection", "bits", "buckets", "ids", "base", "above")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    BITS_FIELD_NUMBER: _ClassVar[int]
    BUCKETS_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    BASE_FIELD_NUMBER: _ClassVar[int]
    ABOVE_FIELD_NUMBER: _ClassVar[int]
    collection: bytes
    bits: int
    buckets: _containers.RepeatedScalarFieldContainer[int]
    ids: bytes
    base: int
    above: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, collection: _Optional[bytes] = ..., bits: _Optional[int] = ..., buckets: _Optional[_Iterable[int]] = ..., ids: _Optional[bytes] = ..., base: _Optional[int] = ..., above: _Optional[_Iterable[int]] = ...) -> None: ...

class RecordRequest(_message.Message):
    __slots__ = ("collection", "ids")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    collection: bytes
    ids: bytes
    def __init__(self, collection: _Optional[bytes] = ..., ids: _Optional[bytes] = ...) -> None: ...

class Records(_message.Message):
    __slots__ = ("collection", "envelopes")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    ENVELOPES_FIELD_NUMBER: _ClassVar[int]
    collection: bytes
    envelopes: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, collection: _Optional[bytes] = ..., envelopes: _Optional[_Iterable[bytes]] = ...) -> None: ...

class BlobRequest(_message.Message):
    __slots__ = ("sha256", "offset")
    SHA256_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    sha256: bytes
    offset: int
    def __init__(self, sha256: _Optional[bytes] = ..., offset: _Optional[int] = ...) -> None: ...

class BlobChunk(_message.Message):
    __slots__ = ("sha256", "offset", "data")
    SHA256_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    sha256: bytes
    offset: int
    data: bytes
    def __init__(self, sha256: _Optional[bytes] = ..., offset: _Optional[int] = ..., data: _Optional[bytes] = ...) -> None: ...

class BlobMissing(_message.Message):
    __slots__ = ("sha256",)
    SHA256_FIELD_NUMBER: _ClassVar[int]
    sha256: bytes
    def __init__(self, sha256: _Optional[bytes] = ...) -> None: ...

class Probe(_message.Message):
    __slots__ = ("port",)
    PORT_FIELD_NUMBER: _ClassVar[int]
    port: int
    def __init__(self, port: _Optional[int] = ...) -> None: ...

class ProbeResult(_message.Message):
    __slots__ = ("port", "reached")
    PORT_FIELD_NUMBER: _ClassVar[int]
    REACHED_FIELD_NUMBER: _ClassVar[int]
    port: int
    reached: bool
    def __init__(self, port: _Optional[int] = ..., reached: bool = ...) -> None: ...

class Goodbye(_message.Message):
    __slots__ = ("code", "reason")
    class Code(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        GOODBYE_UNSPECIFIED: _ClassVar[Goodbye.Code]
        STOPPING: _ClassVar[Goodbye.Code]
        VERSION: _ClassVar[Goodbye.Code]
        NOTHING_SHARED: _ClassVar[Goodbye.Code]
        PROTOCOL: _ClassVar[Goodbye.Code]
        BAD_RECORD: _ClassVar[Goodbye.Code]
        DUPLICATE: _ClassVar[Goodbye.Code]
        OVERLOADED: _ClassVar[Goodbye.Code]
    GOODBYE_UNSPECIFIED: Goodbye.Code
    STOPPING: Goodbye.Code
    VERSION: Goodbye.Code
    NOTHING_SHARED: Goodbye.Code
    PROTOCOL: Goodbye.Code
    BAD_RECORD: Goodbye.Code
    DUPLICATE: Goodbye.Code
    OVERLOADED: Goodbye.Code
    CODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    code: Goodbye.Code
    reason: str
    def __init__(self, code: _Optional[_Union[Goodbye.Code, str]] = ..., reason: _Optional[str] = ...) -> None: ...
