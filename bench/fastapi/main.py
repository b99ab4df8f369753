"""The routes that `cargo xtask bench` measures, as the service has them that docs/backend-deployment.md describes:
FastAPI and SQLModel on one uvicorn worker, on the same table, with the same tokens."""

import os
from datetime import datetime
from typing import Annotated

import jwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import PlainTextResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import BigInteger, Column, DateTime, Identity, Text, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, Session, SQLModel, create_engine, desc, select

SECRET = os.environ["JWT_SECRET"]

# As many connections as the others have, in the schema of the component `todo`.
engine = create_engine(
    os.environ["DATABASE_URL"], pool_size=16, max_overflow=0, connect_args={"options": "-csearch_path=todo"}
)
app = FastAPI()


class NewTask(SQLModel):
    title: str = Field(min_length=1, max_length=255)
    description: str | None = Field(default=None, max_length=2000)
    completed: bool = False
    priority: str = Field(default="medium", max_length=50)
    category: str | None = Field(default=None, max_length=50)
    tags: list[str] = Field(default=[], sa_column=Column(ARRAY(Text), nullable=False))
    due_date: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


class Task(NewTask, table=True):
    __tablename__ = "tasks"

    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    user_id: str
    tags: list[str] = Field(default=[], sa_column=Column(ARRAY(Text), nullable=False))
    created_at: datetime | None = Field(
        default=None, sa_column=Column(DateTime(timezone=True), server_default=func.now())
    )
    updated_at: datetime | None = Field(
        default=None, sa_column=Column(DateTime(timezone=True), server_default=func.now())
    )


def caller(credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> str:
    try:
        claims = jwt.decode(
            credentials.credentials, SECRET, algorithms=["HS256"], options={"require": ["sub", "exp"]}
        )
    except jwt.InvalidTokenError as error:
        raise HTTPException(401, "Could not validate credentials") from error
    return claims["sub"]


Caller = Annotated[str, Depends(caller)]


@app.get("/hello", response_class=PlainTextResponse)
async def hello() -> str:
    return "hello, request 1"


# Each handler opens and closes its own session. As a dependency, which is what FastAPI's manual shows, a session is closed
# on another thread: at 128 at once, all threads wait for connections whose holders wait for a thread.


@app.get("/api/tasks")
def list_tasks(user: Caller) -> list[Task]:
    tasks = select(Task).where(Task.user_id == user)
    with Session(engine) as session:
        return list(session.exec(tasks.order_by(desc(Task.created_at), desc(Task.id)).limit(500).offset(0)))


@app.get("/api/tasks/{id}")
def read_task(id: int, user: Caller) -> Task:
    with Session(engine) as session:
        task = session.exec(select(Task).where(Task.id == id, Task.user_id == user)).first()
    if task is None:
        raise HTTPException(404, "Task not found")
    return task


@app.post("/api/tasks", status_code=201)
def create_task(new: NewTask, user: Caller) -> Task:
    task = Task.model_validate(new, update={"user_id": user})
    with Session(engine) as session:
        session.add(task)
        session.commit()
        session.refresh(task)
    return task
