; ModuleID = "depthwise"
target triple = "x86_64-unknown-linux-gnu"
target datalayout = ""

define void @"depthwise"(ptr %".1", i64 %".2", i64 %".3") nounwind
{
entry:
  %".28" = alloca <8 x float>
  %".30" = alloca <8 x float>
  %".32" = alloca <8 x float>
  %".34" = alloca <8 x float>
  br label %"body"
body:
  %".6" = getelementptr inbounds ptr, ptr %".1", i64 0
  %".7" = load ptr, ptr %".6"
  %".8" = getelementptr inbounds ptr, ptr %".1", i64 1
  %".9" = load ptr, ptr %".8"
  %".10" = getelementptr inbounds ptr, ptr %".1", i64 2
  %".11" = load ptr, ptr %".10"
  %".12" = getelementptr inbounds ptr, ptr %".1", i64 3
  %".13" = load ptr, ptr %".12"
  %".14" = udiv i64 %".2", %".3"
  %".15" = add nsw i64 %".2", 1
  %".16" = udiv i64 %".15", %".3"
  %".17" = icmp slt i64 %".14", %".16"
  br i1 %".17", label %"loop", label %"done"
loop:
  %".19" = phi  i64 [%".14", %"body"], [%".126", %"done.1"]
  %".20" = mul nsw i64 %".19", 288
  %".21" = getelementptr inbounds float, ptr %".7", i64 %".20"
  %".22" = getelementptr inbounds float, ptr %".21", i64 0
  %".23" = getelementptr inbounds float, ptr %".9", i64 0
  %".24" = getelementptr inbounds float, ptr %".11", i64 0
  br label %"loop.1"
done:
  ret void
loop.1:
  %".26" = phi  i64 [0, %"loop"], [%".123", %"done.2"]
  %".27" = load <8 x float>, ptr %".24", align 4
  store <8 x float> %".27", <8 x float>* %".28"
  store <8 x float> %".27", <8 x float>* %".30"
  store <8 x float> %".27", <8 x float>* %".32"
  store <8 x float> %".27", <8 x float>* %".34"
  %".36" = getelementptr inbounds float, ptr %".23", i64 0
  br label %"loop.2"
done.1:
  %".126" = add nsw i64 %".19", 1
  %".127" = icmp slt i64 %".126", %".16"
  br i1 %".127", label %"loop", label %"done"
loop.2:
  %".38" = phi  i64 [0, %"loop.1"], [%".105", %"loop.2"]
  %".39" = add nsw i64 %".26", -1
  %".40" = add nsw i64 %".39", %".38"
  %".41" = getelementptr inbounds float, ptr %".22", i64 0
  %".42" = mul nsw i64 %".40", 48
  %".43" = add nsw i64 %".42", -8
  %".44" = getelementptr inbounds float, ptr %".41", i64 %".43"
  call void asm sideeffect "", "~{memory}"()
  %".46" = mul nsw i64 %".38", 3
  %".47" = mul nsw i64 %".46", 8
  %".48" = getelementptr inbounds float, ptr %".36", i64 %".47"
  %".49" = load <8 x float>, ptr %".48", align 4
  %".50" = add nsw i64 %".46", 1
  %".51" = mul nsw i64 %".50", 8
  %".52" = getelementptr inbounds float, ptr %".36", i64 %".51"
  %".53" = load <8 x float>, ptr %".52", align 4
  %".54" = add nsw i64 %".46", 2
  %".55" = mul nsw i64 %".54", 8
  %".56" = getelementptr inbounds float, ptr %".36", i64 %".55"
  %".57" = load <8 x float>, ptr %".56", align 4
  %".58" = load <8 x float>, ptr %".44", align 4
  %".59" = load <8 x float>, <8 x float>* %".28"
  %".60" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".58", <8 x float> %".49", <8 x float> %".59")
  store <8 x float> %".60", <8 x float>* %".28"
  %".62" = getelementptr inbounds float, ptr %".44", i64 8
  %".63" = load <8 x float>, ptr %".62", align 4
  %".64" = load <8 x float>, <8 x float>* %".28"
  %".65" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".63", <8 x float> %".53", <8 x float> %".64")
  store <8 x float> %".65", <8 x float>* %".28"
  %".67" = load <8 x float>, <8 x float>* %".30"
  %".68" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".63", <8 x float> %".49", <8 x float> %".67")
  store <8 x float> %".68", <8 x float>* %".30"
  %".70" = getelementptr inbounds float, ptr %".44", i64 16
  %".71" = load <8 x float>, ptr %".70", align 4
  %".72" = load <8 x float>, <8 x float>* %".28"
  %".73" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".71", <8 x float> %".57", <8 x float> %".72")
  store <8 x float> %".73", <8 x float>* %".28"
  %".75" = load <8 x float>, <8 x float>* %".30"
  %".76" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".71", <8 x float> %".53", <8 x float> %".75")
  store <8 x float> %".76", <8 x float>* %".30"
  %".78" = load <8 x float>, <8 x float>* %".32"
  %".79" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".71", <8 x float> %".49", <8 x float> %".78")
  store <8 x float> %".79", <8 x float>* %".32"
  %".81" = getelementptr inbounds float, ptr %".44", i64 24
  %".82" = load <8 x float>, ptr %".81", align 4
  %".83" = load <8 x float>, <8 x float>* %".30"
  %".84" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".82", <8 x float> %".57", <8 x float> %".83")
  store <8 x float> %".84", <8 x float>* %".30"
  %".86" = load <8 x float>, <8 x float>* %".32"
  %".87" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".82", <8 x float> %".53", <8 x float> %".86")
  store <8 x float> %".87", <8 x float>* %".32"
  %".89" = load <8 x float>, <8 x float>* %".34"
  %".90" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".82", <8 x float> %".49", <8 x float> %".89")
  store <8 x float> %".90", <8 x float>* %".34"
  %".92" = getelementptr inbounds float, ptr %".44", i64 32
  %".93" = load <8 x float>, ptr %".92", align 4
  %".94" = load <8 x float>, <8 x float>* %".32"
  %".95" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".93", <8 x float> %".57", <8 x float> %".94")
  store <8 x float> %".95", <8 x float>* %".32"
  %".97" = load <8 x float>, <8 x float>* %".34"
  %".98" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".93", <8 x float> %".53", <8 x float> %".97")
  store <8 x float> %".98", <8 x float>* %".34"
  %".100" = getelementptr inbounds float, ptr %".44", i64 40
  %".101" = load <8 x float>, ptr %".100", align 4
  %".102" = load <8 x float>, <8 x float>* %".34"
  %".103" = call <8 x float> @"llvm.fma.v8f32"(<8 x float> %".101", <8 x float> %".57", <8 x float> %".102")
  store <8 x float> %".103", <8 x float>* %".34"
  %".105" = add nsw i64 %".38", 1
  %".106" = icmp slt i64 %".105", 3
  br i1 %".106", label %"loop.2", label %"done.2"
done.2:
  %".108" = mul nsw i64 %".19", 128
  %".109" = mul nsw i64 %".26", 32
  %".110" = add nsw i64 %".108", %".109"
  %".111" = getelementptr inbounds float, ptr %".13", i64 %".110"
  %".112" = load <8 x float>, <8 x float>* %".28"
  store <8 x float> %".112", ptr %".111", align 4
  %".114" = load <8 x float>, <8 x float>* %".30"
  %".115" = getelementptr inbounds float, ptr %".111", i64 8
  store <8 x float> %".114", ptr %".115", align 4
  %".117" = load <8 x float>, <8 x float>* %".32"
  %".118" = getelementptr inbounds float, ptr %".111", i64 16
  store <8 x float> %".117", ptr %".118", align 4
  %".120" = load <8 x float>, <8 x float>* %".34"
  %".121" = getelementptr inbounds float, ptr %".111", i64 24
  store <8 x float> %".120", ptr %".121", align 4
  %".123" = add nsw i64 %".26", 1
  %".124" = icmp slt i64 %".123", 4
  br i1 %".124", label %"loop.1", label %"done.1"
}

declare <8 x float> @"llvm.fma.v8f32"(<8 x float> %".1", <8 x float> %".2", <8 x float> %".3")
