# docker build -t d2lrnn . && docker run --rm d2lrnn
# docs/machines.md tells the rest. MXNet's wheel is one for x86-64.
FROM --platform=linux/amd64 python:3.11-slim
COPY docker /opt/d2lrnn/docker
RUN /opt/d2lrnn/docker/install.sh libraries
RUN /opt/d2lrnn/docker/install.sh user
COPY . /opt/d2lrnn
RUN /opt/d2lrnn/docker/install.sh package
ENV PATH=/opt/venv/bin:$PATH
ENV HOME=/home/reader
USER reader
WORKDIR /home/reader
EXPOSE 8888
ENTRYPOINT ["/opt/d2lrnn/docker/entrypoint.sh"]
CMD ["python", "chapters/rnn_scratch.py"]
