"""A skill as one writes it after FastAPI's tutorial and the power skills' Python template; the peer of `benchmarks/skill.py`.

Belongs here: nothing clever. Does not: anything the product uses.
"""

import base64
import os
from typing import Any

import numpy as np
import onnxruntime
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security.api_key import APIKeyHeader
from pydantic import BaseModel

from imaging_assets.embedded.decoding import decode_pixels

app = FastAPI()
session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
key_header = APIKeyHeader(name="Ocp-Apim-Subscription-Key", auto_error=False)


class Value(BaseModel):
    """One record."""

    recordId: str  # noqa: N815 - the contract's name
    data: dict[str, Any]


class Values(BaseModel):
    """All of them."""

    values: list[Value]


async def check_key(key: str = Depends(key_header)) -> str:
    """As the template checks it."""
    if key != os.environ["KEY"]:
        raise HTTPException(status_code=403, detail="Key not present")
    return key


@app.post("/api/extraction")
async def extract(values: Values, _: str = Depends(check_key)) -> dict[str, Any]:
    """Answer every record, one after the other."""
    answers = []
    for value in values.values:
        pixels = decode_pixels(base64.b64decode(value.data["images"]["data"]))
        scores = session.run(None, {session.get_inputs()[0].name: pixels[None].astype(np.float32)})[0][0]
        answers.append({"recordId": value.recordId, "data": {"amllabel": str(scores.argmax())}, "errors": [], "warnings": []})
    return {"values": answers}
